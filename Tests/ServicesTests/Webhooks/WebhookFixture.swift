import Execution
import Hashing
import Messaging
import OrderFacts
import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Webhooks

/// A webhooks database with endpoints, a clock that stands until it is moved, and a sender that ends what it is told to.
final class WebhookFixture {
    let database: PostgresConfiguration
    let connection: Connection
    let desk = DeliveryDesk()
    let vault = SecretVault()
    let sender = HeldSender()
    /// Microseconds since the Unix epoch.
    let clock = Monitor<Int64>(WallClock.nowMicroseconds())
    private let handler: WebhookHandler
    private let types = EventTypes(ServiceCatalogue([.api, .webhooks]))
    private var facts: Int64 = 0

    init() throws {
        database = try freshDatabase(ServiceDatabase.webhooks.migrations)
        connection = try Connection(database, logger: quiet)
        try vault.load(on: connection)
        handler = WebhookHandler(reads: types.facts, desk: desk)
    }

    deinit { connection.close() }

    var now: Int64 { clock.withLock { $0 } }

    func pass(_ duration: Duration) { clock.withLock { $0 += duration.microseconds } }

    func rounds(_ holder: String = "a", _ change: (inout DeliveryRounds.Configuration) -> Void = { _ in })
        -> DeliveryRounds
    {
        var configuration = DeliveryRounds.Configuration()
        change(&configuration)
        return DeliveryRounds(
            configuration, sender: sender, desk: desk, vault: vault, holder: holder, logger: quiet,
            now: { [clock] in clock.withLock { $0 } })
    }

    /// Returns its number. It is called `https://<name>/`.
    @discardableResult
    func endpoint(_ name: String, types: [String] = ["*"], tenant: String = "default") throws -> Endpoint {
        let secret = try vault.seal(.random(), tenant: tenant, endpoint: name)
        return try EndpointStore.add(
            name, tenant: tenant, url: "https://\(name)/", types: types, secret: secret, limit: 10_000, by: .test,
            on: connection)
    }

    /// Many at once, of the standard tenant and for all facts.
    func endpoints(_ names: [String]) throws {
        let secrets = try names.map { try vault.seal(.random(), tenant: "default", endpoint: $0) }
        _ = try connection.execute(
            """
            WITH added AS (
                INSERT INTO endpoints (tenant, id, url, types, secret)
                SELECT 'default', id, 'https://' || id || '/', '{*}', secret
                FROM unnest($1::text[], $2::bytea[]) AS t (id, secret) RETURNING number, tenant)
            INSERT INTO queues (endpoint, tenant) SELECT number, tenant FROM added
            """, [.textArray(names), .bytesArray(secrets)])
    }

    func found(_ name: String, tenant: String = "default") throws -> Endpoint {
        try #require(try EndpointStore.one(name, tenant: tenant, on: connection))
    }

    /// The group hears that these orders were confirmed, one after the other. Facts of one order differ by their ids.
    func hear(_ orders: [String], tenant: String = "default") throws {
        let messages = try orders.map { order in
            facts += 1
            let fact = OrderConfirmed(
                orderID: order, userID: "u", total: Money(minorUnits: 1, currency: .usd), at: now)
            return try message(fact, id: "\(facts)", tenant: tenant)
        }
        try handle(messages)
    }

    func message(_ fact: some MessagePayload, id: String, tenant: String = "default") throws -> InboundMessage {
        InboundMessage(
            id: id, type: type(of: fact).type, schemaVersion: 1, payload: try fact.payload(), key: fact.key,
            tenant: tenant, correlationID: "c", traceparent: nil, time: now, streamVersion: nil,
            source: .init(topic: "order-events", partition: 0, offset: 0), origin: "/orderflow/orders")
    }

    func handle(_ messages: [InboundMessage]) throws {
        try connection.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try handler.handle(messages, on: connection, outbox: &outbox)
        }
    }

    /// A round with whatever there is to do; looks at the table besides.
    func round(_ rounds: DeliveryRounds) throws {
        var work = desk.next(within: .zero)
        work.looks = true
        rounds.take(work.ended)
        try rounds.round(work, on: connection)
    }

    /// Rounds until nothing more is begun, each of whose sends is answered by `answer`; nil lets it hang.
    func run(_ rounds: DeliveryRounds, limit: Int = 100, _ answer: (DeliveryRequest) -> HeldSender.End?) throws {
        for _ in 0..<limit {
            try round(rounds)
            if sender.end(answer) == 0 { return }
        }
        Issue.record("rounds without an end")
    }

    func flaws() throws -> [String] {
        try WebhookEvidence.all.flatMap { evidence in
            try connection.query(evidence.sql).map {
                "\(try $0.get(0, as: String.self)): \(try $0.get(1, as: String.self))"
            }
        }
    }
}

/// Keeps what it is told to send until it is told how that ends.
final class HeldSender: DeliverySender {
    typealias End = Result<DeliveryAnswer, DeliveryFailure>

    private struct State {
        var held: [(request: DeliveryRequest, whenDone: @Sendable (End) -> Void)] = []
        var sent: [DeliveryRequest] = []
    }

    private let state = Monitor(State())

    /// All that was begun, in its order.
    var sent: [DeliveryRequest] { state.withLock { $0.sent } }
    /// What hasn't ended.
    var held: [DeliveryRequest] { state.withLock { $0.held.map(\.request) } }

    func send(_ request: DeliveryRequest, whenDone: @escaping @Sendable (End) -> Void) {
        state.withLock {
            $0.held.append((request, whenDone))
            $0.sent.append(request)
        }
    }

    func stop() { end { _ in .failure(.stopped) } }

    /// Ends what `answer` has an end for. Returns how many those were.
    @discardableResult
    func end(_ answer: (DeliveryRequest) -> End?) -> Int {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        var ended = 0
        for (request, whenDone) in held {
            if let end = answer(request) {
                ended += 1
                whenDone(end)
            } else {
                state.withLock { $0.held.append((request, whenDone)) }
            }
        }
        return ended
    }
}

extension HeldSender.End {
    static let accepted = HeldSender.End.success(DeliveryAnswer(status: 204))
    static func status(_ status: Int, retryAfter: Duration? = nil) -> HeldSender.End {
        .success(DeliveryAnswer(status: status, retryAfter: retryAfter))
    }
    static let timedOut = HeldSender.End.failure(.timedOut("10 s"))
}

extension DeliveryRequest {
    /// `https://<name>/`
    var endpoint: String { String(url.dropFirst("https://".count).dropLast()) }

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}
