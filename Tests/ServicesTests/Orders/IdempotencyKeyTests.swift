import Execution
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres
import TestServers
import Testing
import UserFacts

@testable import OrderAPI

/// What an Idempotency-Key stands for: of whom it is, and since when.
@Suite(.blocking, .servers) struct IdempotencyKeyTests {
    private static let order = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"paymentToken":"tok_1"}"#
    private static let other = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"paymentToken":"tok_2"}"#
    private static let user = #"{"name":"Alice","email":"alice@example.com"}"#

    private static func key(_ text: String) throws -> IdempotencyKey { IdempotencyKey(text: text) }

    @Test func anIDIsOfInstallationTenantOwnerPurposeAndKey() throws {
        let secret = InstallationSecret(Array("secret".utf8))
        func id(
            _ secret: InstallationSecret, _ purpose: InstallationSecret.Purpose = .order, _ tenant: String = "t",
            _ owner: String = "o", _ text: String = "k"
        ) throws -> String { secret.id(purpose, try Self.key(text), tenant: tenant, owner: owner) }
        let ids = [
            try id(secret), try id(InstallationSecret(Array("another".utf8))), try id(secret, .user),
            try id(secret, .order, "t2"), try id(secret, .order, "t", "o2"), try id(secret, .order, "t", "o", "k2"),
            // Where one part ends counts.
            try id(secret, .order, "to", "", "k"), try id(secret, .order, "t", "ok", ""),
        ]
        #expect(Set(ids).count == ids.count)
        #expect(try id(secret) == ids[0])
        #expect(ids.allSatisfy { $0.count == 36 && Array($0)[14] == "8" && "89ab".contains(Array($0)[19]) }, "\(ids)")
        #expect(!ids.contains(InstallationSecret.formerID(.order, try Self.key("k"), tenant: "t")))
    }

    @Test func everyInstallationHasASecretOfItsOwn() throws {
        func secret() throws -> [UInt8] {
            // No copy of one that is migrated: those have the same.
            let connection = try Connection(
                PostgresConfiguration(try PostgresServer.shared.get().createDatabase()), logger: quiet)
            defer { connection.close() }
            _ = try Migrator.migrate(connection, ServiceDatabase.orders.migrations)
            return try connection.query("SELECT secret FROM installation_secret")[0].get(0, as: [UInt8].self)
        }
        let (one, two) = (try secret(), try secret())
        #expect(one != two && one.count == 32)
    }

    @Test func aKeyIsItsOwners() async throws {
        let side = try OrderSide()
        let ids = Monitor<[String]>([])
        for principal in ["alice", "bob"].map({ Principal(.token, subject: $0, tenant: "default", rights: .all) }) {
            try await side.serve(as: principal) { client in
                let first = try client.post("/orders", key: "cart-1", Self.order)
                #expect(first.status == 201 && !first.isReplay)
                let again = try client.post("/orders", key: "cart-1", Self.order)
                #expect(again.isReplay && again.body == first.body)
                // The token alone differs.
                #expect(try client.post("/orders", key: "cart-1", Self.other).status == 422)
                ids.withLock { $0.append(first.text("orderId") ?? "") }
            }
        }
        let found = ids.withLock { $0 }
        #expect(found.count == 2 && found[0] != found[1])
        #expect(!found.contains(InstallationSecret.formerID(.order, try Self.key("cart-1"), tenant: "default")))
        // What is kept of a request can't be found out by trying tokens.
        let connection = try side.connect()
        let digests = try connection.query("SELECT DISTINCT metadata->>'requestDigest' FROM events")
        let plain = try Array(Self.order.utf8).withUnsafeBytes {
            RequestDigest.of(try OrderRequest(json: $0).canonical)
        }
        #expect(digests.count == 1)
        #expect(try #require(digests.first).get(0, as: String.self) != plain)
    }

    /// Orders are stored together, by a statement that takes all of them for new until it has met one that isn't.
    @Test func aRepeatedRequestTakesNoOthersWithIt() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            let first = try client.post("/orders", key: "cart-3", Self.order)
            #expect(first.status == 201)
        }
        // Another process, which knows of no repeated request.
        try await side.serve { client in
            for number in 0..<8 {
                try client.send("POST", "/orders", ["Idempotency-Key": "cart-\(number)"], body: Self.order)
            }
            let answers = try (0..<8).map { _ in try client.answer() }
            #expect(answers.allSatisfy { $0.status == 201 })
            #expect(answers.map(\.isReplay) == (0..<8).map { $0 == 3 })
        }
        #expect(try side.connect().number("SELECT count(*) FROM events") == 8)
        #expect(try side.connect().number("SELECT count(*) FROM stream_secrets") == 8)
    }

    /// An installation that was there before its secret.
    private func updated() throws -> OrderSide {
        try OrderSide { connection in
            _ = try connection.execute(
                "UPDATE installation_secret SET former_ids_until = now() + interval '1 day'")
        }
    }

    private static func append(_ order: String, id: String, on connection: Connection) throws -> Bool {
        let request = try Array(order.utf8).withUnsafeBytes { try OrderRequest(json: $0) }
        let created = OrderCreated(request, orderID: id, at: 1)
        let append = OrderStreams.append(
            [.created(created)], to: OrderKey(tenant: "default", orderID: id), at: 0
        ) { _ in
            EventMetadata(
                id: id, source: OrderStreams.source, time: 1, correlationID: id,
                requestDigest: RequestDigest.of(request.canonical))
        }
        return try EventStore.append([append], on: connection).isEmpty
    }

    @Test func anOrderOfBeforeIsFound() async throws {
        let side = try updated()
        let former = InstallationSecret.formerID(.order, try Self.key("cart-1"), tenant: "default")
        #expect(try Self.append(Self.order, id: former, on: side.connect()))
        try await side.serve { client in
            let again = try client.post("/orders", key: "cart-1", Self.order)
            #expect(again.isReplay && again.text("orderId") == former)
            #expect(try client.post("/orders", key: "cart-1", Self.other).status == 422)
        }
        #expect(try side.connect().number("SELECT count(*) FROM events") == 1)
    }

    /// Processes of both versions run at once while an installation is updated.
    @Test func aProcessOfBeforeMakesNoSecondOrder() async throws {
        let side = try updated()
        try await side.serve { client throws in
            let first = try client.post("/orders", key: "cart-1", Self.order)
            #expect(first.status == 201 && !first.isReplay)
            #expect(try client.post("/orders", key: "cart-1", Self.order).isReplay)
        }
        let former = InstallationSecret.formerID(.order, try Self.key("cart-1"), tenant: "default")
        #expect(try !Self.append(Self.order, id: former, on: side.connect()))
        // Another caller's key of the same text is another order all the same.
        try await side.serve(as: Principal(.token, subject: "bob", tenant: "default", rights: .all)) { client throws in
            #expect(try !client.post("/orders", key: "cart-1", Self.order).isReplay)
            #expect(try client.post("/orders", key: "cart-1", Self.order).isReplay)
        }
        #expect(try side.connect().number("SELECT count(*) FROM events WHERE category = 'order'") == 2)
    }

    @Test func usersAndAccountsOfBeforeAreFound() async throws {
        let side = try updated()
        let key = try Self.key("u-1")
        let former = InstallationSecret.formerID(.user, key, tenant: "default")
        let wish = try Array(Self.user.utf8).withUnsafeBytes { try UserRequest(json: $0) }
        let kept = try UserCreated(wish, userID: "", at: 0).payload()
        let metadata = EventMetadata(
            id: "m", source: OrderStreams.source, time: 1, correlationID: "m",
            requestDigest: RequestDigest.of(Array(key.text.utf8) + [0] + kept))
        let append = try UserStreams.append(UserCreated(wish, userID: former, at: 1), at: 0, metadata: metadata)
        #expect(try EventStore.append([append], on: side.connect()).isEmpty)
        try await side.serve { client in
            let again = try client.post("/users", key: "u-1", Self.user)
            #expect(again.isReplay && again.text("userId") == former, "\(again.head)\(again.body)")
            let fresh = try client.post("/users", key: "u-2", Self.user)
            #expect(fresh.status == 201 && !fresh.isReplay)
            #expect(try client.post("/users", key: "u-2", Self.user).isReplay)
        }
    }
}
