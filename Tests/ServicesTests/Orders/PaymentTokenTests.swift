import Execution
import Foundation
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Postgres
import Sealing
import TestServers
import Testing

@testable import OrderAPI
@testable import OrderflowKit
@testable import Payment

/// The payment token's way: from the request, sealed, to payment's call of the gateway, and gone after it.
@Suite(.blocking, .servers) struct PaymentTokenTests {
    private static let token = "tok_very_secret_4242"
    private static let body = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":49.99,"paymentToken":"\#(token)"}"#

    /// Both services, as `orderflow migrate` leaves them.
    private func shop(_ mode: FulfilmentMode = .orchestration) throws -> (side: OrderSide, payments: PaymentFixture) {
        let side = try OrderSide(sealing: false)
        let payments = try PaymentFixture(mode)
        try TokenKeys.prepare(on: payments.connection) { try PaymentTokenSeal.take($0, on: side.connect()) }
        return (side, payments)
    }

    /// Takes an order, and returns its fact.
    private func order(_ side: OrderSide, key: String? = nil) async throws -> OrderCreated {
        try await side.serve { client in
            try client.send("POST", "/orders", key.map { ["Idempotency-Key": $0] } ?? [:], body: Self.body)
            let answer = try client.answer()
            #expect(answer.status == 201)
            #expect(!answer.body.contains("oken"), "\(answer.body)")
            let id = answer.text("orderId") ?? ""
            try client.get("/orders/\(id)/events")
            let history = try client.answer()
            #expect(history.status == 200 && !history.body.contains(Self.token), "\(history.body)")
        }
        let row = try side.connect().query("SELECT data FROM events WHERE type = 'OrderCreated'").one()
        return try OrderCreated(EncodedPayload(try row.get(0, as: [UInt8].self), from: .store))
    }

    /// The commands of a type in the outbox of a service.
    private func commands<Payload: OrderPayload>(
        _ type: Payload.Type, of connection: Connection
    ) throws -> [Payload] {
        try connection.query(
            "SELECT data FROM outbox WHERE type = $1 ORDER BY position", [.text(type.type)]
        ).map { try Payload(EncodedPayload(try $0.get(0, as: [UInt8].self))) }
    }

    /// Every text and every byte string of every table.
    private func holds(_ secret: String, _ database: PostgresConfiguration) throws -> [String] {
        let connection = try Connection(database, logger: quiet)
        let tables = try connection.query(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        let hex = secret.utf8.map { String($0, radix: 16) }.joined()
        return try tables.map { try $0.get(0, as: String.self) }.filter { table in
            try connection.number(
                "SELECT count(*) FROM \(table) t WHERE position($1 IN t::text) > 0 OR position($2 IN t::text) > 0",
                [.text(secret), .text(hex)]) > 0
        }
    }

    @Test func onlyPaymentReadsTheToken() async throws {
        let (side, payments) = try shop()
        let created = try await order(side)
        #expect(created.hasSealedToken && created.paymentToken == nil)
        let charges = Monitor<[GatewayCharge]>([])
        let gateway = ScriptedGateway(onCharge: { charge in
            charges.withLock { $0.append(charge) }
            return .success("ch_1")
        })
        // The command says that there is a token, and payment asks for it.
        try payments.send(
            inbound(
                ProcessPayment(
                    orderID: created.orderID, userID: "u", amount: created.total,
                    hasSealedToken: created.hasSealedToken)))
        #expect(try payments.status(created.orderID) == .requested)
        let question = try #require(try commands(SendPaymentToken.self, of: payments.connection).first)
        let orders = try side.connect()
        try OrderCommandHandler().apply([inbound(question)], on: orders)
        let answer = try #require(try commands(KeepPaymentToken.self, of: orders).first)
        #expect(answer.sealedToken != nil)
        #expect(try holds(Self.token, side.database) == [])
        try payments.send(inbound(answer), inbound(answer))
        #expect(try payments.status(created.orderID) == .charging)
        #expect(try holds(Self.token, payments.database) == [])
        payments.startWorker(gateway)
        try payments.wait(for: created.orderID, .charged)
        #expect(charges.withLock { $0.map(\.paymentToken) } == [Self.token])
        // Charged: payment has nothing of it any more.
        #expect(
            try payments.connection.number(
                """
                SELECT count(*) FROM payments WHERE payment_token IS NOT NULL OR sealed_token IS NOT NULL
                    OR token_key IS NOT NULL OR token_awaited
                """) == 0)
        // Ended: nor has the order service, and what is on the topic for ever is noise to everybody.
        try OrderCommandHandler().apply([inbound(ConfirmOrder(orderID: created.orderID))], on: orders)
        #expect(try orders.number("SELECT count(*) FROM stream_secrets") == 0)
        let wrapped = [UInt8](try #require(answer.sealedToken.flatMap { Data(base64Encoded: $0) }))
        for key in try TokenKeys.load(on: payments.connection) {
            #expect(
                SealedToken.unwrap(wrapped, tenant: "default", orderID: created.orderID, with: key) == nil)
        }
        // Asked again, as after a restored backup: there is none.
        try OrderCommandHandler().apply([inbound(question)], on: orders)
        #expect(try commands(KeepPaymentToken.self, of: orders).last?.sealedToken == nil)
    }

    @Test func choreographyAsksWhenTheStockIsThere() async throws {
        let (side, payments) = try shop(.choreography)
        let created = try await order(side, key: "cart")
        try payments.send(inbound(created))
        #expect(try commands(SendPaymentToken.self, of: payments.connection).isEmpty)
        try payments.send(inbound(FactDraft.stockReserved(items: []).of(created.orderID, at: 1)))
        let question = try #require(try commands(SendPaymentToken.self, of: payments.connection).first)
        let orders = try side.connect()
        try OrderCommandHandler().apply([inbound(question)], on: orders)
        let answer = try #require(try commands(KeepPaymentToken.self, of: orders).first)
        try payments.send(inbound(answer))
        payments.startWorker(payments.simulated())
        try payments.wait(for: created.orderID, .charged)
        #expect(try holds(Self.token, payments.database) == [])
    }

    @Test func anOrderWhoseTokenIsGoneIsNotCharged() throws {
        let payments = try PaymentFixture()
        let charge = inbound(
            ProcessPayment(orderID: "1", userID: "u", amount: PaymentFixture.amount, hasSealedToken: true))
        try payments.send(charge, charge)
        #expect(try commands(SendPaymentToken.self, of: payments.connection).count == 1)
        let facts = try payments.send(inbound(KeepPaymentToken(orderID: "1", sealedToken: nil)))
        #expect(facts.map(\.type) == [PaymentFailed.type])
        #expect(try payments.status("1") == .declined)
        // Undone while the token is on its way: nothing is charged when it comes.
        try payments.send(
            inbound(ProcessPayment(orderID: "2", userID: "u", amount: PaymentFixture.amount, hasSealedToken: true)),
            payments.undo("2"))
        #expect(try payments.send(inbound(KeepPaymentToken(orderID: "2", sealedToken: "AAAA"))).isEmpty)
        #expect(try payments.status("2") == .voided)
    }

    @Test func anAnswerToAnotherQuestionIsADeadLetter() async throws {
        let (side, payments) = try shop()
        let created = try await order(side)
        let charge = ProcessPayment(
            orderID: created.orderID, userID: "u", amount: created.total, hasSealedToken: true)
        try payments.send(inbound(charge))
        let orders = try side.connect()
        let another = SendPaymentToken(
            orderID: created.orderID, tokenKey: Data(OpeningKey().publicKey).base64EncodedString())
        try OrderCommandHandler().apply([inbound(another)], on: orders)
        let answer = try #require(try commands(KeepPaymentToken.self, of: orders).first)
        #expect(throws: MessageRejected.self) { try payments.send(inbound(answer)) }
        #expect(throws: MessageRejected.self) {
            try OrderCommandHandler().apply(
                [inbound(SendPaymentToken(orderID: created.orderID, tokenKey: "no key"))], on: orders)
        }
    }

    /// An order whose token is of an older key goes on, and the key stays as long as there is one.
    @Test func aNewKeySealsAndAnOldOneOpensUntilNoOrderNeedsIt() async throws {
        let (side, payments) = try shop()
        let mo = AuditActor("mo", kind: .os, origin: "here")
        func keys() throws -> [Payment.TokenKeys.Listed] {
            try TokenKeys.list(PaymentTokenSeal.uses(on: side.connect()).counts, on: payments.connection)
        }
        func drop(after seconds: Int64) throws -> [String] {
            try TokenKeys.drop(
                keys(), by: mo, note: nil, at: WallClock.nowMicroseconds() + seconds * 1_000_000,
                on: payments.connection
            ).map(\.name)
        }
        let earlier = try await order(side)
        let old = try #require(try keys().first)
        #expect(old.tokens == 1 && old.supersededAt == nil)
        let fresh = try TokenKeys.rotate(by: mo, note: "in a test", on: payments.connection) {
            try PaymentTokenSeal.take($0, on: side.connect())
        }
        _ = try await side.serve { client in
            try client.send("POST", "/orders", body: Self.body)
            #expect(try client.answer().status == 201)
        }
        #expect(try keys().map(\.name) == [TokenKeys.name(of: fresh), old.name])
        #expect(try keys().map(\.tokens) == [1, 1])
        #expect(try drop(after: 2 * 86_400) == [], "an order needs it")

        // The earlier order is charged by the token that the old key has sealed.
        try payments.send(
            inbound(ProcessPayment(orderID: earlier.orderID, userID: "u", amount: earlier.total, hasSealedToken: true)))
        let question = try #require(try commands(SendPaymentToken.self, of: payments.connection).first)
        let orders = try side.connect()
        try OrderCommandHandler().apply([inbound(question)], on: orders)
        try payments.send(inbound(try #require(try commands(KeepPaymentToken.self, of: orders).first)))
        try OrderCommandHandler().apply([inbound(ConfirmOrder(orderID: earlier.orderID))], on: orders)
        #expect(try keys().map(\.tokens) == [1, 1], "it is with payment now")
        let charges = Monitor<[GatewayCharge]>([])
        payments.startWorker(
            ScriptedGateway(onCharge: { charge in
                charges.withLock { $0.append(charge) }
                return .success("ch_1")
            }))
        try payments.wait(for: earlier.orderID, .charged)
        #expect(charges.withLock { $0.map(\.paymentToken) } == [Self.token])
        #expect(try keys().map(\.tokens) == [1, 0])
        #expect(try drop(after: 3_600) == [], "a process may seal with it yet")
        #expect(try drop(after: 2 * 86_400) == [old.name])
        #expect(try keys().map(\.name) == [TokenKeys.name(of: fresh)])
        let acts = try payments.connection.query("SELECT act, object FROM audit ORDER BY 1 DESC")
        #expect(try acts.map { try $0.get(0, as: String.self) } == ["token-keys.rotate", "token-keys.drop"])
        #expect(try acts.map { try $0.get(1, as: String.self) } == [TokenKeys.name(of: fresh), old.name])
    }

    /// Processes that run learn of another key, and a database that was restored of the one before.
    @Test func theSealIsLookedAtAgain() throws {
        let side = try OrderSide(sealing: false)
        let (first, second) = (OpeningKey().publicKey, OpeningKey().publicKey)
        func sealing(_ secrets: KnownSecrets) throws -> [UInt8] {
            Array(try secrets.seal().seal("t", of: OrderKey(tenant: "a", orderID: "o")).prefix(SealedToken.keyIDSize))
        }
        let restless = KnownSecrets(side.database, sealAge: .zero, logger: quiet)
        let calm = KnownSecrets(side.database, sealAge: .seconds(3_600), logger: quiet)
        try PaymentTokenSeal.take(first, on: side.connect())
        #expect(try sealing(restless) == SealedToken.keyID(of: first))
        #expect(try sealing(calm) == SealedToken.keyID(of: first))
        try PaymentTokenSeal.take(second, on: side.connect())
        #expect(restless.alone(key: false, token: true) == nil && calm.alone(key: false, token: true) != nil)
        #expect(try sealing(restless) == SealedToken.keyID(of: second))
        #expect(try sealing(calm) == SealedToken.keyID(of: first))
        try PaymentTokenSeal.take(second, on: side.connect())
        try PaymentTokenSeal.take(first, on: side.connect())
        #expect(try sealing(restless) == SealedToken.keyID(of: first))
    }

    /// Its key may come back with the rest of a restored database: until then the charge waits.
    @Test func aTokenWithoutItsKeyWaitsAndAForgedOneIsDeclined() async throws {
        let (side, payments) = try shop()
        let created = try await order(side)
        let key = OrderKey(tenant: "default", orderID: created.orderID)
        let sealed = try #require(
            try StreamSecrets.load([StreamKey(tenant: key.tenant, streamID: key.orderID)], on: side.connect())
                .values.first)
        let vault = TokenVault()
        #expect(try vault.open(.sealed(sealed), of: key, on: payments.connection) == .text(Self.token))
        let other = OrderKey(tenant: "other", orderID: created.orderID)
        #expect(try vault.open(.sealed(sealed), of: other, on: payments.connection) == .broken)
        _ = try payments.connection.execute("DELETE FROM token_keys")
        #expect(try TokenVault().open(.sealed(sealed), of: key, on: payments.connection) == .keyMissing)
    }

    @Test func withoutAKeyNoTokenIsTakenAndNoOrderLost() async throws {
        let side = try OrderSide(sealing: false)
        try await side.serve { client in
            try client.send("POST", "/orders", body: Self.body)
            let answer = try client.answer()
            #expect(answer.status == 503 && answer.header("Retry-After") == "1", "\(answer.body)")
            let plain = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":49.99}"#
            try client.send("POST", "/orders", body: plain)
            #expect(try client.answer().status == 201)
            try PaymentTokenSeal.take(OpeningKey().publicKey, on: side.connect())
            try client.send("POST", "/orders", body: Self.body)
            #expect(try client.answer().status == 201)
        }
    }

    /// Two requests with one key and different tokens: the order is the first one's, and so is the token.
    @Test func theTokenIsTheWinningRequests() throws {
        let connection = try OrderSide().connect()
        func append(_ secret: [UInt8]?) -> StreamAppend {
            let created = OrderCreated(
                orderID: "1", userID: "u", items: [OrderLine(sku: "A", quantity: 1)],
                total: Money(minorUnits: 1, currency: .usd), createdAt: 0)
            return OrderStreams.append(
                [.created(created)], to: OrderKey(tenant: "t", orderID: "1"), at: 0, secret: secret
            ) { _ in EventMetadata(id: "m", source: "/s", time: 0, tenant: "t", correlationID: "m") }
        }
        let key = StreamKey(tenant: "t", streamID: "1")
        #expect(try EventStore.append([append(nil), append([2])], on: connection) == [1])
        #expect(try StreamSecrets.load([key], on: connection).isEmpty)
        #expect(try EventStore.append([append([3])], on: connection) == [0])
        #expect(try StreamSecrets.load([key], on: connection).isEmpty)
    }

    /// Facts from before tokens were sealed, and foreign producers', have readable ones.
    @Test(arguments: [
        (#"{"paymentToken":"tok","a":1.50}"#, #"{"paymentToken":"***","a":1.50}"#),
        (#"{"type":"X","payload":{"payment\u0054oken":"tok"}}"#, #"{"type":"X","payload":{"paymentToken":"***"}}"#),
        (#"[{"paymentToken":null},{"paymentToken":{"x":1}}]"#, #"[{"paymentToken":null},{"paymentToken":"***"}]"#),
        (#"{"note":"a\nb"}"#, #"{"note":"a\nb"}"#), ("{}", "{}"), ("", ""), ("tok", "tok"),
        (#"{"paymentToken":"tok"#, #""20 bytes with a paymentToken, which isn't shown""#),
    ])
    func readableTokensAreNotShown(json: String, shown: String) {
        #expect(String(decoding: HiddenMembers.hide(in: Array(json.utf8)), as: UTF8.self) == shown)
    }
}
