import JSON
import Messaging
import OrderflowKit
import Postgres
import Query

/// Orders' events from the event store itself, one statement for all orders that are asked for.
struct OwnHistories: OrderHistories {
    let database: ConnectionPool

    /// Events of one order that are shown.
    private static let limit = OrderRoutes.historyLimit.upperBound

    func events(
        of orderIDs: [String], within reach: Reach, for caller: GraphQLCaller
    ) async throws -> [String: Result<JSONValue, any Error>] {
        let events = try await database.withConnection { connection in
            try connection.acting(for: reach.tenant) { connection in
                try EventStore.load(
                    tenants: orderIDs.map { _ in reach.tenant }, streamIDs: orderIDs,
                    categories: OrderStreams.categories, on: connection)
            }
        }
        // Whose an order is was looked at when it was found; the first event says it again.
        return try Dictionary(grouping: events, by: \.streamID).compactMapValues { events in
            if reach.userID != nil {
                guard let first = events.first, let beginning = OrderBeginning(try OrderStreams.decode(first)),
                    reach.covers(beginning.userID)
                else { return nil }
            }
            var json = JSONWriter(capacity: 512 * events.count)
            try json.array { json in for event in events.prefix(Self.limit) { try json.event(event) } }
            return .success(try JSONValue(parsing: json.bytes))
        }
    }
}
