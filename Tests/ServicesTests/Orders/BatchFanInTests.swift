import JSON
import Messaging
import OrderFacts
import Orders
import Postgres
import Randomness
import Testing

@testable import OrderAPI
@testable import OrderflowKit

/// How orders of batches end, counted by those who end them.
@Suite(.blocking, .servers) struct BatchFanInTests {
    private let connection: Connection
    private let handler = OrderCommandHandler()

    init() throws { connection = try Connection(freshDatabase(ServiceDatabase.orders.migrations), logger: quiet) }

    private static func key(_ batchID: String, tenant: String = "default") -> BatchKey {
        BatchKey(tenant: tenant, batchID: batchID)
    }

    /// Stores orders `b-1`, `b-2` … of a batch as intake does.
    private func store(_ lines: ClosedRange<Int>, of key: BatchKey) throws {
        try connection.transaction { connection in
            #expect(try BatchStore.lock([key], on: connection).isEmpty)
            let appends = lines.map { line in
                let order = OrderCreated(
                    orderID: "\(key.batchID)-\(line)", userID: "alice", items: [OrderLine(sku: "A", quantity: 1)],
                    total: Money(minorUnits: 100, currency: .usd), createdAt: 0)
                return OrderStreams.append(
                    [.created(order)], to: OrderKey(tenant: key.tenant, orderID: order.orderID), at: 0
                ) { _ in
                    EventMetadata(
                        id: "e-\(key.batchID)-\(line)", source: OrderStreams.source, time: 0, tenant: key.tenant,
                        correlationID: "c", batch: key.batchID, batchLine: line)
                }
            }
            #expect(try EventStore.append(appends, on: connection).isEmpty)
            try BatchStore.add([(key, appends.count)], on: connection)
        }
    }

    private func open(_ key: BatchKey, owner: String? = nil) throws {
        _ = try BatchStore.open(key, policy: "each", owner: owner, holdingFor: .seconds(60), on: connection)
    }

    private func seal(_ key: BatchKey, lines: Int?, refused: [BatchStore.RefusedLine] = []) throws {
        try connection.transaction { connection in
            try BatchStore.refuse(refused, of: key, on: connection)
            try BatchStore.seal(key, lines: lines, topic: "order-events", on: connection)
        }
    }

    private func confirm(_ key: BatchKey, _ lines: [Int]) throws {
        try handler.apply(
            lines.map { inbound(ConfirmOrder(orderID: "\(key.batchID)-\($0)"), tenant: key.tenant) }, on: connection)
    }

    private func cancel(_ key: BatchKey, _ line: Int, _ reason: String = "no stock") throws {
        try handler.apply(
            [inbound(CancelOrder(orderID: "\(key.batchID)-\(line)", reason: reason), tenant: key.tenant)],
            on: connection)
    }

    private func state(_ key: BatchKey) throws -> BatchState {
        try #require(try BatchState.load([key.batchID], of: key.tenant, on: connection)[key.batchID])
    }

    /// What was said of batches' ends, in order.
    private func completions() throws -> [BatchCompleted] {
        try connection.query("SELECT data, key FROM outbox WHERE type = 'BatchCompleted' ORDER BY position").map {
            row in
            let fact = try BatchCompleted(EncodedPayload(try row.get(0, as: [UInt8].self)))
            #expect(try row.get(1, as: String.self) == fact.key)
            return fact
        }
    }

    /// What the evidence of `status --verify` finds.
    private func broken() throws -> [String] {
        try [BatchEvidence.counts, BatchEvidence.ends].flatMap { evidence in
            try connection.query("SELECT a::text, b::text FROM (\(evidence.sql)) AS broken (a, b)").map { row in
                "\(try row.get(0, as: String.self)): \(try row.get(1, as: String.self))"
            }
        }
    }

    @Test func ordersAreCountedOnceAsTheyEnd() throws {
        let key = Self.key("b")
        try open(key)
        try store(1...3, of: key)
        try confirm(key, [1])
        // Of a batch that isn't all there yet.
        #expect(try state(key).stage == .open)
        try store(4...4, of: key)
        try seal(
            key, lines: 6,
            refused: [
                .init(line: 5, pointer: "/total", reason: "is required"),
                .init(line: 6, pointer: nil, reason: "no JSON"),
            ])
        try confirm(key, [1, 2, 2])
        try cancel(key, 3)
        try cancel(key, 3, "again")
        #expect(try completions().isEmpty)
        let running = try state(key)
        #expect(running.stage == .running && running.pending == 1 && running.lines == 6 && running.refused == 2)
        try confirm(key, [4, 3])
        let ended = try state(key)
        #expect(ended.stage == .completed && ended.confirmed == 3 && ended.cancelled == 1 && ended.accepted == 4)
        try confirm(key, [1, 2, 3, 4])
        try seal(key, lines: 9)
        #expect(try state(key) == ended)
        let facts = try completions()
        #expect(facts.count == 1)
        let fact = try #require(facts.first)
        #expect(fact.batchID == "b" && fact.accepted == 4 && fact.confirmed == 3 && fact.cancelled == 1)
        #expect(fact.refused == 2 && fact.isWhole && fact.at == ended.completedAt && fact.openedAt == ended.openedAt)

        let (first, next) = try BatchFailure.page(of: key, after: nil, limit: 2, on: connection)
        #expect(first.map(\.line) == [3, 5] && first.map(\.status) == [.cancelled, .refused])
        #expect(first[0].orderID == "b-3" && first[0].reason == "no stock" && first[1].pointer == "/total")
        let cursor = try #require(next.flatMap { BatchFailure.Cursor(encoded: $0.encoded) })
        let (rest, end) = try BatchFailure.page(of: key, after: cursor, limit: 2, on: connection)
        #expect(rest.map(\.line) == [6] && rest[0].reason == "no JSON" && end == nil)
        #expect(try broken() == [])
        _ = try connection.execute("UPDATE batches SET confirmed = 2, cancelled = 2")
        #expect(try broken().count == 2)
    }

    /// The last order ends before the batch is sealed, or there was never one.
    @Test func whatHasEndedIsCompletedByTheSeal() throws {
        for (name, orders) in [("early", 2), ("empty", 0)] {
            let key = Self.key(name)
            try open(key)
            if orders > 0 {
                try store(1...orders, of: key)
                try confirm(key, Array(1...orders))
            }
            try seal(key, lines: orders)
            #expect(try state(key).stage == .completed)
        }
        #expect(try completions().map(\.accepted) == [2, 0])
        #expect(try broken() == [])
    }

    @Test func aSealedBatchTakesNoMore() throws {
        let key = Self.key("b")
        #expect(try BatchStore.lock([key], on: connection) == [key])
        try open(key)
        try seal(key, lines: 0)
        #expect(try BatchStore.lock([key], on: connection) == [key])
        let again = try BatchStore.open(key, policy: "all", owner: "bob", holdingFor: .seconds(60), on: connection)
        #expect(again.isSealed && again.policy == "each" && again.owner == nil)
    }

    /// A transaction that adds orders keeps the seal waiting, and what it adds is counted.
    @Test func aSealWaitsForThoseWhoAdd() throws {
        let key = Self.key("b")
        try open(key)
        let other = try Connection(connection.configuration, logger: quiet)
        defer { other.close() }
        try connection.transaction { connection in
            #expect(try BatchStore.lock([key], on: connection).isEmpty)
            try BatchStore.add([(key, 3)], on: connection)
            #expect(throws: PostgresError.self) {
                try other.transaction { other in
                    _ = try other.execute("SET LOCAL lock_timeout = '50ms'")
                    try BatchStore.seal(key, lines: 3, topic: "t", on: other)
                }
            }
            // Counters don't wait.
            #expect(try other.execute("UPDATE batches SET confirmed = confirmed + 1") == 1)
        }
        try other.transaction { try BatchStore.seal(key, lines: 3, topic: "t", on: $0) }
        #expect(try state(key).accepted == 3)
    }

    /// Whoever began with it went away: it is closed after a while, unless somebody comes back.
    @Test func whatNobodyHoldsIsClosedInTheEnd() throws {
        let closer = BatchCloser(
            connection.configuration, topic: "order-events", patience: .seconds(3600), logger: quiet)
        let (left, held) = (Self.key("left"), Self.key("held"))
        for key in [left, held] {
            try open(key)
            try store(1...2, of: key)
            try BatchStore.release(key, on: connection)
        }
        #expect(try closer.round(on: connection) == 0)
        _ = try connection.execute("UPDATE batches SET held_until = now() - interval '2 hours'")
        try open(held)
        #expect(try closer.round(on: connection) == 1)
        #expect(try state(held).stage == .open)
        let state = try state(left)
        #expect(state.stage == .running && state.isWhole == false && state.accepted == 2 && state.lines == 2)
        try confirm(left, [1, 2])
        #expect(try completions().map(\.isWhole) == [false])
    }

    /// However many orders of a batch a transaction ends, it writes the batch's row once, and orders that came alone write
    /// none.
    @Test func aTransactionWritesABatchOnce() throws {
        try connection.script(
            """
            CREATE TABLE touches (batch_id text);
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO touches VALUES (new.batch_id); RETURN new; END $$;
            CREATE TRIGGER touch BEFORE UPDATE ON batches FOR EACH ROW EXECUTE FUNCTION touch();
            """)
        let (a, b) = (Self.key("a"), Self.key("b"))
        for key in [a, b] {
            try open(key)
            try store(1...50, of: key)
        }
        try connection.transaction { connection in
            let order = OrderCreated(
                orderID: "alone", userID: "alice", items: [OrderLine(sku: "A", quantity: 1)],
                total: Money(minorUnits: 100, currency: .usd), createdAt: 0)
            let append = OrderStreams.append(
                [.created(order)], to: OrderKey(tenant: "default", orderID: "alone"), at: 0
            ) { _ in
                EventMetadata(id: "i", source: "s", time: 0, correlationID: #"c"batch":""#, actor: #""batch":"x""#)
            }
            let conflicts = try EventStore.append([append], on: connection)
            #expect(conflicts.isEmpty)
        }
        try handler.apply([inbound(ConfirmOrder(orderID: "alone"))], on: connection)
        #expect(try connection.number("SELECT count(*) FROM touches") == 0)
        try handler.apply(
            (1...50).flatMap { line in ["a", "b"].map { inbound(ConfirmOrder(orderID: "\($0)-\(line)")) } },
            on: connection)
        #expect(try connection.number("SELECT count(*) FROM touches") == 2)
        for key in [a, b] { #expect(try state(key).confirmed == 50) }
    }

    /// Schedules of several batches and tenants at random, handled in pieces and again.
    @Test func anyScheduleIsCountedRight() throws {
        var random = SeededGenerator.fromEnvironment()
        let keys = ["a", "b"].flatMap { batch in ["acme", "globex"].map { Self.key(batch, tenant: $0) } }
        for key in keys {
            try open(key)
            try store(1...6, of: key)
        }
        var messages = keys.flatMap { key in
            (1...6).flatMap { line -> [InboundMessage] in
                let id = "\(key.batchID)-\(line)"
                return [
                    inbound(ConfirmOrder(orderID: id), tenant: key.tenant),
                    inbound(CancelOrder(orderID: id, reason: "r"), tenant: key.tenant),
                ]
            }
        }
        messages.shuffle(using: &random)
        var sealing = keys.shuffled(using: &random)
        for start in stride(from: 0, to: messages.count, by: 5) {
            let piece = Array(messages[start..<min(start + 5, messages.count)])
            try handler.apply(piece, on: connection)
            if Bool.random(using: &random) { try handler.apply(piece, on: connection) }
            if start % 10 == 0, let key = sealing.popLast() { try seal(key, lines: 6) }
        }
        for key in sealing { try seal(key, lines: 6) }
        for key in keys {
            let state = try state(key)
            #expect(state.stage == .completed && state.confirmed + state.cancelled == 6)
        }
        #expect(try completions().count == 4)
        #expect(try broken() == [])
    }
}
