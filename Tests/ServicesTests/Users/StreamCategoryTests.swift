import Messaging
import OrderFacts
import Orders
import Postgres
import TestServers
import Testing
import UserFacts

@testable import Operations
@testable import OrderAPI
@testable import OrderflowKit

/// Orders and users are in one event store, and foreign producers choose orders' ids: none may be taken for the other.
@Suite(.blocking, .servers) struct StreamCategoryTests {
    private let connection: Connection
    private let key = OrderKey(tenant: "default", orderID: UserStreams.streamID("alice"))

    init() throws {
        connection = try Connection(freshDatabase(ServiceDatabase.orders.migrations), logger: quiet)
        let user = UserCreated(userID: "alice", name: "Alice", email: "alice@example.com", createdAt: 1)
        let metadata = EventMetadata(id: "m", source: "/test", time: 1, correlationID: "c")
        let append = try UserStreams.append(user, at: 0, metadata: metadata)
        #expect(try EventStore.append([append], on: connection).isEmpty)
    }

    @Test func aUserIsNoOrder() throws {
        #expect(key.orderID.hasPrefix(FactLimit.usersStream), "the door refuses what begins so")
        let reach = Reach.everything(of: key.tenant)
        #expect(try OrderStreams.first(of: key.orderID, within: reach, on: connection) == nil)
        #expect(try OrderStreams.loadWithPriority(key.orderID, within: reach, on: connection) == nil)
        #expect(try OrderStreams.load([key], on: connection).isEmpty)
        let stored = StoredOrders(connection: connection)
        #expect(try stored.keys(after: nil, limit: 10).isEmpty)
        #expect(try stored.tail(before: .max, limit: 10).isEmpty)
        #expect(try stored.states(of: [key]).isEmpty)
    }

    /// An order by a user's name is refused for good, not asked for again and again: at the door, as by every group, and
    /// by the store itself.
    @Test func anOrderDoesNotTakeAUsersName() throws {
        #expect(throws: MessageRejected.self) {
            try OrderCommandHandler().apply([created(key.orderID)], on: connection)
        }
        let order = OrderCreated(
            orderID: key.orderID, userID: "alice", items: [OrderLine(sku: "A", quantity: 1)],
            total: Money(minorUnits: 1, currency: .usd), createdAt: 0, email: nil, shippingAddress: nil,
            paymentToken: nil)
        #expect(throws: BrokenStream.self) {
            var outbox: [OutgoingEvent] = []
            try OrderDecisions.make(
                [(created("alice"), key, .adopt(order))], fanIn: BatchFanIn(topic: "t"), on: connection,
                outbox: &outbox)
        }
        #expect(try UserStreams.load(tenant: "default", userID: "alice", on: connection).count == 1)
        try OrderCommandHandler().apply([created("alice")], on: connection)
        #expect(try StoredOrders(connection: connection).keys(after: nil, limit: 10).map(\.orderID) == ["alice"])
    }
}
