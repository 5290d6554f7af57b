import Messaging
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import OrderflowKit

/// What a rebuild's tables are made of, held against and exchanged beside.
@Suite(.blocking, .servers) struct RebuiltTablesTests {
    /// Records without a key lie in any partition, so that two lanes have facts of one order, and want its row.
    @Test func ordersInSeveralPartitionsAreMadeAnewToo() throws {
        var generator = SeededGenerator.fromEnvironment("ordersInSeveralPartitionsAreMadeAnewToo")
        let scene = try RebuildScene()
        let history = OrderHistory("a", orders: 60, using: &generator).messages
        try scene.publish(
            history.map { message in
                var record = scene.record(message)
                if Bool.random(using: &generator) { record.key = nil }
                return record
            })
        try scene.consume(scene.models)
        for model in scene.models {
            let rows = try scene.rows(model)
            let outcome = try scene.rebuild(model, window: Int.random(in: 1...40, using: &generator)).run()
            #expect(outcome.isExchanged && outcome.isEqual, "\(outcome), seed \(generator.seed)")
            #expect(try scene.rows(model) == rows, "\(model.name), seed \(generator.seed)")
        }
    }

    /// Whatever two rows differ in: a value, where it stands, whose it is, or that there is one.
    @Test func anyDifferenceIsFound() throws {
        var generator = SeededGenerator.fromEnvironment("anyDifferenceIsFound")
        let scene = try RebuildScene()
        try scene.publishHistory(orders: 8, using: &generator)
        try scene.consume([scene.orders])
        #expect(try scene.rebuild(scene.orders).run(exchanges: false).isEqual)
        let columns = ["user_id", "head", "status", "state", "timeline"]
        for round in 0..<12 {
            let (column, other) = (columns.randomElement(using: &generator) ?? "", columns.shuffled(using: &generator))
            let number = Int.random(in: 0..<8, using: &generator)
            let change = [
                // In one row: text, no text, another column's.
                "UPDATE order_views SET \(column) = \(column) || ' ' WHERE order_id = 'a-\(number)'",
                "UPDATE order_views SET user_id = NULL WHERE order_id = 'a-\(number)'",
                "UPDATE order_views SET user_id = '' WHERE order_id = 'a-\(number)'",
                """
                UPDATE order_views SET \(other[0]) = coalesce(\(other[1]), ''), \(other[1]) = coalesce(\(other[0]), '')
                WHERE order_id = 'a-\(number)'
                """,
                "UPDATE order_views SET version = version + 1, revision = revision - 1 WHERE order_id = 'a-\(number)'",
                // Between two rows.
                """
                UPDATE order_views v SET timeline = o.timeline FROM order_views o
                WHERE (v.order_id, o.order_id) IN (('a-\(number)', 'b-\(number)'), ('b-\(number)', 'a-\(number)'))
                """,
            ][round % 6]
            try scene.connection.script("CREATE TABLE kept AS SELECT * FROM order_views; \(change)")
            let outcome = try scene.rebuild(scene.orders).run(exchanges: false)
            #expect(!outcome.isEqual && outcome.checks[0].changed > 0, "\(change), seed \(generator.seed)")
            try scene.connection.script(
                "DELETE FROM order_views; INSERT INTO order_views SELECT * FROM kept; DROP TABLE kept")
        }
        #expect(try scene.rebuild(scene.orders).run().isExchanged)
    }

    /// None is at the live table when the exchange wants it, none goes over the shadow, and all may go on afterwards.
    @Test func vacuumsMakeWayBeforeTheExchange() throws {
        var generator = SeededGenerator.fromEnvironment("vacuumsMakeWayBeforeTheExchange")
        let scene = try RebuildScene()
        try scene.publishHistory(orders: 10, using: &generator)
        try scene.consume([scene.orders])
        let shape = try scene.shape(scene.orders)
        func barred() throws -> Int64 {
            try scene.connection.number(
                """
                SELECT count(*) FROM pg_locks WHERE relation = to_regclass('public.order_views') AND granted
                AND mode = 'ShareUpdateExclusiveLock'
                """)
        }
        var seen: Set<String> = []
        let outcome = try scene.rebuild(scene.orders) { progress in
            guard progress.phase == .verifying else { return }
            if try barred() == 1 { seen.insert("live") }
            let unvacuumed = try scene.connection.number(
                """
                SELECT count(*) FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
                WHERE c.oid = to_regclass('rebuild_orders.order_views') AND 'autovacuum_enabled=off' = ANY(c.reloptions)
                    AND 'autovacuum_enabled=off' = ANY(t.reloptions)
                """)
            if unvacuumed == 1 { seen.insert("shadow") }
        }.run()
        #expect(outcome.isExchanged && seen == ["live", "shadow"], "\(seen)")
        #expect(try barred() == 0)
        #expect(try scene.shape(scene.orders) == shape)
        #expect(
            try scene.connection.number(
                "SELECT count(*) FROM pg_class WHERE reloptions::text LIKE '%autovacuum_enabled%'") == 0)
    }
}
