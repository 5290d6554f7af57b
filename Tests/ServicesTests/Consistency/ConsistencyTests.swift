import Execution
import Messaging
import Orders
import Postgres
import TestServers
import Testing

@testable import Operations
@testable import OrderAPI
@testable import OrderflowKit
@testable import Projection

/// An event store and read models that should agree with it.
@Suite(.blocking, .servers) struct ConsistencyTests {
    private struct Fixture {
        let ordersDatabase: PostgresConfiguration
        let viewsDatabase: PostgresConfiguration
        let orders: Connection
        let views: Connection

        init() throws {
            ordersDatabase = try freshDatabase(ServiceDatabase.orders.migrations)
            viewsDatabase = try freshDatabase(ServiceDatabase.views.migrations)
            orders = try Connection(ordersDatabase, logger: quiet)
            views = try Connection(viewsDatabase, logger: quiet)
        }

        /// The messages as events, a minute apart, the last one long ago.
        func store(_ messages: [InboundMessage]) throws {
            _ = try EventStore.append(
                messages.map { message in
                    StreamAppend(
                        tenant: message.tenant, streamID: message.key, category: OrderStreams.category,
                        expectedVersion: (message.streamVersion ?? 1) - 1,
                        events: [
                            NewEvent(
                                type: message.type, data: message.payload,
                                metadata: message.effectMetadata(
                                    id: message.id, source: OrderStreams.source, time: message.time))
                        ])
                }, on: orders)
            _ = try orders.execute(
                "UPDATE events SET created_at = clock_timestamp() - (10000 - position) * interval '1 minute'")
        }

        func project(_ messages: [InboundMessage]) throws {
            try OrderViewProjection(.standard).apply(messages, on: views)
            try InvoicingHandler().apply(messages, on: views)
            try SalesHandler().apply(messages, on: views)
        }

        func check(_ others: [OrderKey] = []) throws -> ConsistencyCheck.Round {
            try ConsistencyCheck(orders: orders, views: views, topics: ["order-events"]).run(besides: others)
        }
    }

    private func key(_ id: String) -> OrderKey { OrderKey(tenant: "default", orderID: id) }

    @Test func whatAgreesIsSilent() throws {
        let fixture = try Fixture()
        let facts = [created("o-1"), created("o-2"), confirmed("o-1"), created("o-3"), cancelled("o-3")]
        try fixture.store(facts)
        try fixture.project(facts)
        let round = try fixture.check()
        #expect(round.compared == 3)
        #expect(round.differing.isEmpty, "\(round.differing)")
        #expect(round.lag == ConsistencyCheck.Lag())
    }

    /// Each of these is what a defect would leave behind.
    @Test func eachDifferenceIsFound() throws {
        let fixture = try Fixture()
        let facts = (1...6).flatMap { [created("o-\($0)"), confirmed("o-\($0)")] }
        try fixture.store(facts)
        try fixture.project(facts)
        _ = try fixture.views.execute("DELETE FROM order_views WHERE order_id = 'o-1'")
        _ = try fixture.views.execute("UPDATE order_views SET version = 3 WHERE order_id = 'o-2'")
        _ = try fixture.views.execute("UPDATE order_views SET status = 'pending' WHERE order_id = 'o-3'")
        _ = try fixture.views.execute("UPDATE sales_orders SET status = 0 WHERE order_id = 'o-4'")
        _ = try fixture.views.execute("DELETE FROM invoice_orders WHERE order_id = 'o-5'")
        let found = try fixture.check([key("o-1")]).differing
        #expect(
            found == [
                key("o-1"): [ViewDifference(model: .orders, text: "doesn't have it")],
                key("o-2"): [ViewDifference(model: .orders, text: "is at version 3, the event store at 2")],
                key("o-3"): [ViewDifference(model: .orders, text: "says pending, the event store confirmed")],
                key("o-4"): [ViewDifference(model: .sales, text: "says pending, the event store confirmed")],
                key("o-5"): [ViewDifference(model: .invoices, text: "doesn't have it")],
            ])
        // What an operator holds back is no difference.
        _ = try fixture.views.execute(
            "INSERT INTO parked_keys (consumer_group, topic, key) VALUES ('projection-group', 'order-events', 'o-2')")
        #expect(try fixture.check().differing[key("o-2")] == nil)
    }

    @Test func whatIsOnItsWayIsLagAndNotDifference() throws {
        let fixture = try Fixture()
        let facts = (101...120).map { created("o-\($0)") }
        try fixture.store(facts)
        try fixture.project(Array(facts.prefix(15)))
        let round = try fixture.check()
        #expect(round.lag.events == 5)
        // The sixteenth event is the first that is missing.
        #expect((9_984 * 60..<9_986 * 60).contains(round.lag.seconds))
        #expect(round.differing.isEmpty)
    }

    /// The lag is found beyond what is looked at each time.
    @Test func aLongLagIsEstimated() throws {
        let fixture = try Fixture()
        let facts = (1...4_000).map { created("o-\($0)") }
        for start in stride(from: 0, to: facts.count, by: 1_000) {
            try fixture.store(Array(facts[start..<start + 1_000]))
        }
        try fixture.project(Array(facts.prefix(1_000)))
        #expect(try (2_488...3_000).contains(fixture.check().lag.events))
        try fixture.views.script("TRUNCATE order_views")
        #expect(try (3_488...4_000).contains(fixture.check().lag.events))
    }

    @Test func theMonitorFindsWhatNobodyTouches() throws {
        let fixture = try Fixture()
        // More than the tail: only the sweep comes to the first ones.
        let facts = (100..<900).map { created("o-\($0)") }
        try fixture.store(facts)
        try fixture.project(facts)
        _ = try fixture.views.execute("DELETE FROM order_views WHERE order_id = 'o-100'")
        var configuration = ConsistencyMonitor.Configuration()
        configuration.interval = .milliseconds(10)
        configuration.sweep = 150
        let monitors = (0..<2).map { _ in
            ConsistencyMonitor(
                orders: fixture.ordersDatabase, views: fixture.viewsDatabase, topics: ["order-events"],
                configuration: configuration, logger: quiet)
        }
        let health = HealthRegistry()
        health.watch(consistency: monitors[0])
        let stops = [StopSignal(), StopSignal()]
        func start(_ index: Int) -> DedicatedThread {
            DedicatedThread.start("monitor") { monitors[index].run(until: stops[index]) }
        }
        var threads = [start(0)]
        defer {
            for stop in stops { stop.stop() }
            for thread in threads { thread.join(timeout: .seconds(10)) }
        }
        try eventually("it is found") { monitors[0].status.differing.keys.contains(key("o-100")) }
        #expect(health.report.isReady)
        #expect(
            health.report.checks[0].status == .degraded("1 orders differ; orders of o-100: doesn't have it"))
        // One process compares, until it is gone.
        threads.append(start(1))
        try fixture.project([facts[0]])
        try eventually("it agrees again") { monitors[0].status.differing.isEmpty }
        try eventually("all were compared") { monitors[0].status.sweeps > 2 }
        #expect(monitors[1].status.compared == 0)
        stops[0].stop()
        try eventually("the other one compares") { monitors[1].status.lag != nil }
    }
}
