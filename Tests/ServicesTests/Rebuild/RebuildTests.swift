import Execution
import Messaging
import Orders
import Postgres
import Randomness
import TestServers
import Testing
import UserFacts

@testable import OrderflowKit
@testable import Query

/// Rebuilds beside live consumers, on a real broker and a real server.
@Suite(.blocking, .servers) struct RebuildTests {
    /// After refunds, cancellations, copies and dead letters: byte for byte the same, the groups go on where they were,
    /// and the letters still wait.
    @Test func aRebuiltModelIsTheLiveOne() throws {
        var generator = SeededGenerator.fromEnvironment("aRebuiltModelIsTheLiveOne")
        let scene = try RebuildScene()
        try scene.connection.script("CREATE ROLE reader_\(scene.connection.processID)")
        try scene.connection.script("GRANT SELECT ON order_views TO reader_\(scene.connection.processID)")
        try scene.connection.script(
            """
            ALTER TABLE order_views ENABLE ROW LEVEL SECURITY;
            ALTER TABLE order_views FORCE ROW LEVEL SECURITY;
            ALTER TABLE sales_orders ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON order_views AS RESTRICTIVE FOR SELECT TO reader_\(scene.connection.processID)
                USING (tenant = current_setting('orderflow.tenant', true));
            CREATE POLICY "every thing" ON order_views USING (true) WITH CHECK (true);
            """)
        try scene.publishHistory(orders: 50, using: &generator)
        try scene.consume(scene.models)
        for model in scene.models {
            let (rows, shape, letters) = (try scene.rows(model), try scene.shape(model), try scene.letters(model))
            #expect(rows.count > 3 && letters.count == 4, "\(model.name) \(rows.count) \(letters)")
            let outcome = try scene.rebuild(model).run()
            #expect(outcome.isExchanged && outcome.isEqual, "\(outcome), seed \(generator.seed)")
            #expect(outcome.resumed == 0 && outcome.unreadable == 0 && outcome.events > 400)
            #expect(try scene.rows(model) == rows, "\(model.name), seed \(generator.seed)")
            #expect(try scene.shape(model) == shape)
            #expect(try scene.letters(model) == letters)
            #expect(try !scene.remains(model))
        }
        // They go on in the new tables.
        try scene.publish(OrderHistory("c", orders: 10, using: &generator).messages)
        try scene.consume(scene.models)
        #expect(try scene.connection.number("SELECT count(*) FROM order_views WHERE order_id LIKE 'c-%'") == 10)
        let rows = try scene.rows(scene.orders)
        #expect(try scene.rebuild(scene.orders, window: 100).run().isExchanged, "seed \(generator.seed)")
        #expect(try scene.rows(scene.orders) == rows, "seed \(generator.seed)")
    }

    /// Consumers write, readers read by prepared statements, and neither misses anything.
    @Test func anExchangeIsNotNoticed() throws {
        var generator = SeededGenerator.fromEnvironment("anExchangeIsNotNoticed")
        let scene = try RebuildScene()
        let first = OrderHistory("a", orders: 40, using: &generator).messages
        let second = OrderHistory("b", orders: 100, using: &generator).messages
        try scene.publish(first)
        try scene.consume([scene.orders])
        try scene.whileLive(scene.orders) {
            let stop = StopSignal()
            let seen = Monitor<(reads: Int, missing: Int, error: String?)>((0, 0, nil))
            let keys = Set(first.map { OrderKey(tenant: $0.tenant, orderID: $0.key) }).sorted()
            let reader = DedicatedThread.start("reader") { [database = scene.database] in
                do {
                    let connection = try Connection(database, logger: quiet)
                    while !stop.isStopped {
                        for key in keys {
                            let view = try OrderViewStore.one(
                                key.orderID, within: .everything(of: key.tenant), on: connection)
                            seen.withLock {
                                $0.reads += 1
                                $0.missing += view == nil ? 1 : 0
                            }
                        }
                    }
                } catch {
                    seen.withLock { $0.error = "\(error)" }
                }
            }
            // Comes in while it is rebuilt, again and again.
            var pieces = stride(from: 0, to: second.count, by: 50).map { second[$0..<min($0 + 50, second.count)] }[...]
            for round in 0..<2 {
                let outcome = try scene.rebuild(scene.orders, window: 50) { _ in
                    if let piece = pieces.popFirst() { try scene.publish(Array(piece)) }
                }.run()
                #expect(outcome.isExchanged && outcome.isEqual, "round \(round), seed \(generator.seed)")
            }
            let before = seen.withLock { $0.reads }
            try eventually("it reads on") { seen.withLock { $0.reads > before + 100 || $0.error != nil } }
            stop.stop()
            reader.join()
            #expect(seen.withLock { $0.error } == nil)
            #expect(seen.withLock { $0.missing } == 0)
            for piece in pieces { try scene.publish(Array(piece)) }
            try scene.catchUp(scene.orders)
            let rows = try scene.rows(scene.orders)
            #expect(rows.count == 140)
            #expect(try scene.rebuild(scene.orders, window: 1_000).run().isExchanged)
            #expect(try scene.rows(scene.orders) == rows)
        }
    }

    private static func user(_ number: Int, at: Int64) -> InboundMessage {
        let user = UserCreated(userID: "u-\(number)", name: "Name \(at)", email: "u@x.org", createdAt: at)
        return InboundMessage(
            id: "\(number)-\(at)", type: UserCreated.type, schemaVersion: 1, payload: user.bytes, key: user.userID,
            tenant: "default", correlationID: "c", traceparent: nil, time: at, streamVersion: nil,
            source: InboundMessage.Source(topic: "", partition: 0, offset: 0))
    }

    /// A replica is made anew while others go on talking, and what isn't as they have said is found.
    @Test func aReplicaIsMadeAnewAndHeldAgainstItsTopic() throws {
        let scene = try RebuildScene()
        let recipients = scene.recipients
        try scene.publish((0..<100).map { Self.user($0, at: 2_000_000) })
        try scene.consume([recipients])
        try scene.whileLive(recipients) {
            // Older ones, newer ones, and new users.
            var pieces = (0..<10).map { piece in
                (piece * 15..<piece * 15 + 15).map { Self.user($0, at: piece % 2 == 0 ? 3_000_000 : 1_000_000) }
            }[...]
            let outcome = try scene.rebuild(recipients, window: 20) { _ in
                if let piece = pieces.popFirst() { try scene.publish(piece) }
            }.run()
            #expect(outcome.isExchanged && outcome.isEqual, "\(outcome)")
            for piece in pieces { try scene.publish(piece) }
            try scene.catchUp(recipients)
        }
        #expect(try scene.connection.number("SELECT count(*) FROM invoice_recipients") == 150)
        #expect(
            try scene.connection.number("SELECT count(*) FROM invoice_recipients WHERE name = 'Name 3000000'") == 75)
        #expect(
            try scene.connection.number("SELECT count(*) FROM invoice_recipients WHERE name = 'Name 2000000'") == 45)

        func found() throws -> [String] {
            let connection = try Connection(scene.database, logger: quiet)
            defer { connection.close() }
            return try ModelComparison(recipients, kafka: scene.kafka, logger: quiet).run(on: connection)
                .map { "\($0.key) \($0.text)" }
        }
        #expect(try found() == [])
        try scene.connection.script(
            """
            UPDATE invoice_recipients SET name = 'Eve' WHERE user_id = 'u-3';
            DELETE FROM invoice_recipients WHERE user_id = 'u-4';
            INSERT INTO invoice_recipients (tenant, user_id, name) VALUES ('default', 'v', 'Eve');
            """)
        #expect(
            try found() == [
                "default u-3 isn't what was said", "default u-4 isn't there",
                "default v is there, and nothing was said of it",
            ])
    }

    private struct Interruption: Error {}

    @Test func anInterruptedRebuildGoesOnOrIsDropped() throws {
        var generator = SeededGenerator.fromEnvironment("anInterruptedRebuildGoesOnOrIsDropped")
        let scene = try RebuildScene()
        try scene.publishHistory(orders: 20, using: &generator)
        try scene.consume([scene.orders])
        let rows = try scene.rows(scene.orders)
        // In the middle of reading, before and after the indexes, before the exchange.
        for phase in [Rebuild.Phase.reading, .indexing, .verifying, .exchanging] {
            #expect(throws: Interruption.self) {
                try scene.rebuild(scene.orders) {
                    if $0.phase == phase, $0.done > 100 { throw Interruption() }
                }.run()
            }
            #expect(try scene.rows(scene.orders) == rows)
            #expect(try scene.remains(scene.orders))
        }
        let total = try scene.connection.number("SELECT sum(next_offset)::bigint FROM rebuild_orders.consumer_offsets")
        let outcome = try scene.rebuild(scene.orders).run()
        #expect(outcome.isExchanged && outcome.resumed == total && outcome.events == total, "\(outcome)")
        #expect(try scene.rows(scene.orders) == rows)

        #expect(throws: Interruption.self) {
            try scene.rebuild(scene.orders) { if $0.done > 100 { throw Interruption() } }.run()
        }
        #expect(try scene.rebuild(scene.orders).discard())
        #expect(try !scene.remains(scene.orders))
        #expect(try !scene.rebuild(scene.orders).discard())
        #expect(try scene.rows(scene.orders) == rows)
    }

    @Test func differencesAreForTheOperatorToAccept() throws {
        var generator = SeededGenerator.fromEnvironment("differencesAreForTheOperatorToAccept")
        let scene = try RebuildScene()
        try scene.publishHistory(orders: 20, using: &generator)
        try scene.consume([scene.orders])
        let rows = try scene.rows(scene.orders)
        try scene.connection.script(
            """
            UPDATE order_views SET state = (state::jsonb || '{"status":"lost"}')::text WHERE order_id = 'a-3';
            DELETE FROM order_views WHERE order_id = 'b-4';
            INSERT INTO order_views (tenant, order_id, status, version, revision, head, state, timeline)
                VALUES ('default', 'nowhere', 'pending', 0, 0, '{}', '{}', '[]');
            """)
        let damaged = try scene.rows(scene.orders)
        let refused = try scene.rebuild(scene.orders).run()
        #expect(!refused.isExchanged && !refused.isEqual)
        let check = try #require(refused.checks.first)
        #expect(check.changed == 1 && check.onlyLive == 1 && check.onlyRebuilt == 1 && check.examples.count == 3)
        #expect(try scene.rows(scene.orders) == damaged)
        let accepted = try scene.rebuild(scene.orders).run(acceptsDifferences: true)
        #expect(accepted.isExchanged && accepted.resumed > 0)
        #expect(try scene.rows(scene.orders) == rows)
    }

    /// A letter that is handled after the rebuild has passed it is in the rebuilt model too.
    @Test func lettersHandledMeanwhileAreLetIn() throws {
        var generator = SeededGenerator.fromEnvironment("lettersHandledMeanwhileAreLetIn")
        let scene = try RebuildScene()
        try scene.publishHistory(orders: 10, using: &generator)
        try scene.consume([scene.orders])
        // Its redelivery is what matters here.
        try scene.whileLive(scene.orders) {
            let head = try scene.connection.number(
                "SELECT id FROM dead_letters WHERE consumer_group = $1 AND key = 'follows' AND status = 'dead'",
                [.text(scene.orders.group)])
            let outcome = try scene.rebuild(scene.orders) {
                guard $0.phase == .indexing else { return }
                try DeadLetterQueue.decide(
                    .discard, head, DeadLetterQueue.Decision(by: .test, note: ""), on: scene.connection)
                try eventually("the follower is handled") {
                    try scene.connection.number("SELECT count(*) FROM order_views WHERE order_id = 'follows'") == 1
                }
            }.run()
            #expect(outcome.isExchanged && outcome.isEqual, "\(outcome)")
            #expect(try scene.connection.number("SELECT count(*) FROM order_views WHERE order_id = 'follows'") == 1)
            let records = try AuditLog.page(limit: 10, on: scene.connection)
            #expect(records.map(\.act) == ["deadletters.discard", "replay.exchange"])
            #expect(records.last?.object == "orders" && records.last?.detail == #"{"differs":false}"#)
            #expect(records.last?.reason == "in a test")
        }
    }

    @Test func whatCannotBeRebuiltIsSaidInOneLine() throws {
        let scene = try RebuildScene(partitions: 1)
        // That of the topic, not of its lane.
        func setOffset(_ next: Int) throws {
            _ = try scene.connection.execute(
                "UPDATE consumer_offsets SET next_offset = $1 WHERE topic = $2",
                [.int(next), .text(scene.topics.orderEvents)])
        }
        func refusal(_ scene: RebuildScene) throws -> String {
            try #require(#expect(throws: RebuildError.self) { try scene.rebuild(scene.orders).run() }).description
        }
        try scene.publish([created("o-1"), confirmed("o-1")])
        try scene.consume([scene.orders])

        var inner: String?
        _ = try scene.rebuild(scene.orders) { _ in if inner == nil { inner = try refusal(scene) } }.run()
        #expect(inner == "orders is being rebuilt by another process already")

        try scene.connection.script("CREATE VIEW report AS SELECT order_id FROM order_views")
        #expect(try refusal(scene) == "these views stand in the way of an exchange, drop them: public.report")
        try scene.connection.script("DROP VIEW report")
        try setOffset(9)
        #expect(
            try refusal(scene)
                == "\(scene.topics.orderEvents)/0 ends at offset 2, but the live group is at 9: the broker has lost records"
        )
        try setOffset(2)
        let exchanges = try scene.connection.number("SELECT count(*) FROM audit")
        _ = try scene.rebuild(scene.orders).run(exchanges: false)
        #expect(try scene.connection.number("SELECT count(*) FROM audit") == exchanges && exchanges == 1)
        try setOffset(1)
        #expect(
            try refusal(scene)
                == "the live group has gone back to 1 in \(scene.topics.orderEvents)/0, where the rebuilt model is at 2: "
                + "wait until it has caught up, or start anew with --discard")
        try scene.connection.script("INSERT INTO schema_migrations VALUES (99, 'of a later version', 'x')")
        #expect(
            try refusal(scene)
                == "the database has other migrations than this program: run `orderflow migrate` first")
        #expect(try !scene.remains(scene.orders))
        try scene.connection.script("DROP TABLE order_views")
        #expect(try refusal(scene) == "the database has no read model orders yet: run `orderflow migrate` first")
    }
}
