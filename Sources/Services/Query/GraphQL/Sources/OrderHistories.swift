import HTTPServer
import JSON
import OrderflowKit

/// Histories of orders in the event store. The API reads them itself; other roles ask it.
package protocol OrderHistories: Sendable {
    /// Arrays of events as `GET /orders/{id}/events` has them, by their orders' ids.
    func events(
        of orderIDs: [String], within reach: Reach, for caller: GraphQLCaller
    ) async throws -> [String: Result<JSONValue, any Error>]
}

/// Asks the API with the caller's own credentials.
struct ForwardedHistories: OrderHistories {
    let api: RoleLink

    func events(
        of orderIDs: [String], within reach: Reach, for caller: GraphQLCaller
    ) async throws -> [String: Result<JSONValue, any Error>] {
        let headers = caller.credentials
        return await api.each(orderIDs) { id throws(ProblemError) in
            let path = "/orders/\(RoleLink.segment(id))/events"
            return try await api.document(path, headers: headers)?["events"]
        }
    }
}
