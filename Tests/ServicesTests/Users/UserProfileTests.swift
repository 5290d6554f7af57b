import Messaging
import Orders
import Postgres
import TestServers
import Testing
import UserFacts

@testable import OrderAPI
@testable import OrderflowKit

@Suite(.blocking, .servers) struct UserProfileTests {
    private let key = StreamKey(tenant: "default", streamID: UserStreams.streamID("alice"))
    private let profiles = Aggregates<UserProfile>(category: UserStreams.category, interval: 10)

    private func metadata(_ version: Int) -> EventMetadata {
        EventMetadata(id: "m-\(version)", source: "/test", time: Int64(version), correlationID: "c")
    }

    private func account(_ number: Int) -> AccountCreated {
        AccountCreated(
            accountID: "a-\(number)", userID: "alice",
            address: PostalAddress(street: "\(number) Main St", city: "Springfield"), createdAt: Int64(number))
    }

    /// Payloads of both versions in one stream, with and without a snapshot behind them.
    @Test func aProfileIsMadeOfOldAndNewEvents() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.orders.migrations), logger: quiet)
        defer { connection.close() }
        let user = UserCreated(userID: "alice", name: "Alice", email: "alice@example.com", createdAt: 1)
        #expect(
            try EventStore.append(
                [UserStreams.append(user, at: 0, metadata: metadata(1))], on: connection
            )
            .isEmpty)
        let old = NewEvent(
            type: AccountCreated.type, schemaVersion: 1,
            data: Array(#"{"userId":"alice","accountId":"a-0","address":"the old house"}"#.utf8), metadata: metadata(2))
        let append = StreamAppend(
            tenant: key.tenant, streamID: key.streamID, category: UserStreams.category, expectedVersion: 1,
            events: [old])
        #expect(try EventStore.append([append], on: connection).isEmpty)
        var loaded = try profiles.load([key], on: connection)
        #expect(loaded[key]?.state.user == user)
        #expect(loaded[key]?.state.account?.address == PostalAddress(street: "the old house"))

        for version in 2..<32 {
            let append = try UserStreams.append(
                account(version), at: version, metadata: metadata(version + 1))
            #expect(try EventStore.append([append], on: connection).isEmpty)
            loaded = try profiles.load([key], on: connection)
            try profiles.keep(loaded, on: connection)
            #expect(loaded[key]?.state == UserProfile(user: user, account: account(version)))
        }
        #expect(loaded[key].map { $0.version - $0.snapshotVersion < 10 } == true)
        #expect(loaded[key]?.version == 32)
    }
}
