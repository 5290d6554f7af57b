import Execution
import Messaging
import Orders
import Postgres
import TestServers
import Testing
import UserFacts

@testable import Notification
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

    private func contacts(in database: PostgresConfiguration) -> WatchedReplica {
        WatchedReplica(
            "notification: contacts",
            ReplicaCheck(
                replica: .contacts(recipientDomain: "of.this.process"), group: NotificationGroup.name,
                categories: [OrderStreams.category]),
            database: database, after: nil)
    }

    /// As the relay does once it has published everything.
    private func publishAll(_ fixture: Fixture) throws {
        _ = try fixture.orders.execute(
            """
            INSERT INTO relay_checkpoints (source, low) VALUES ('events', pg_snapshot_xmax(pg_current_snapshot()))
            ON CONFLICT (source) DO UPDATE SET low = excluded.low
            """)
    }

    @Test func aReplicaThatWasChangedByHandIsFound() throws {
        let fixture = try Fixture()
        let database = try freshDatabase(ServiceDatabase.notification.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        // The addresses of those who have named none are made with a setting, which may be another process's.
        let orders = (1...4).map { created("o-\($0)", email: $0 == 4 ? nil : "a@x.org") }
        try fixture.store(orders)
        let handler = NotificationHandler(recipientDomain: "d.test", messageDomain: "m")
        var watched = contacts(in: database)
        var session: Connection?
        defer { session?.close() }
        func sweep() -> [String] {
            for _ in 0..<3 {
                watched.round(
                    sweep: 2, settledBefore: .max, orders: fixture.orders, session: &session, logger: quiet)
            }
            return watched.status.differing.values.sorted()
        }
        #expect(sweep() == [], "nothing was published")
        try publishAll(fixture)
        #expect(sweep().count == 4)
        // A session that has been ended meanwhile is made anew.
        let pid = try #require(try session?.query("SELECT pg_backend_pid()").one().get(0, as: Int32.self))
        _ = try connection.query("SELECT pg_terminate_backend($1, 10000)", [.int4(pid)])
        try handler.apply(orders, on: connection)
        #expect(sweep() == [])
        #expect(watched.status.compared >= 8)
        let change = """
            UPDATE contacts SET total = '1.00', currency = 'EUR' WHERE order_id = 'o-1';
            UPDATE contacts SET recipient = 'eve@x.org' WHERE order_id IN ('o-2', 'o-4');
            DELETE FROM contacts WHERE order_id = 'o-3';
            """
        try connection.script(change)
        let expected = ["o-1 has another total, currency", "o-2 has another recipient", "o-3 isn't there"]
        #expect(sweep() == expected)
        // What an operator holds back is no difference.
        try connection.script(
            "INSERT INTO parked_keys (consumer_group, topic, key) VALUES ('notification-group', 'order-events', 'o-3')")
        #expect(sweep() == Array(expected.prefix(2)))
        try connection.script("TRUNCATE contacts")
        try handler.apply(orders, on: connection)
        #expect(sweep() == [])
    }

    /// A later fact is right, of whichever producer; an earlier one isn't.
    @Test func aReplicaMayKnowMoreThanTheEventStore() throws {
        let fixture = try Fixture()
        func user(_ name: String, at: Int64) -> InboundMessage {
            let fact = UserCreated(userID: "alice", name: name, email: "a@x.org", createdAt: at)
            return InboundMessage(
                id: name, type: UserCreated.type, schemaVersion: 1, payload: fact.bytes, key: "alice",
                tenant: "default",
                correlationID: "c", traceparent: nil, time: at, streamVersion: nil,
                source: InboundMessage.Source(topic: "", partition: 0, offset: 0))
        }
        let said = user("said", at: 2_000_000)
        _ = try EventStore.append(
            [
                StreamAppend(
                    tenant: "default", streamID: "user:alice", category: "user", expectedVersion: 0,
                    events: [
                        NewEvent(
                            type: said.type, data: said.payload,
                            metadata: said.effectMetadata(id: said.id, source: OrderStreams.source, time: said.time))
                    ])
            ], on: fixture.orders)
        try publishAll(fixture)
        var watched = WatchedReplica(
            "projection: recipients",
            ReplicaCheck(replica: .recipients, group: ReadModelGroup.invoices, categories: ["user"]),
            database: fixture.viewsDatabase, after: nil)
        var session: Connection?
        defer { session?.close() }
        func differing(after name: String, at: Int64) throws -> [String] {
            try fixture.views.script("TRUNCATE invoice_recipients")
            try InvoicingHandler().apply([user(name, at: at)], on: fixture.views)
            watched.round(
                sweep: 5, settledBefore: .max, orders: fixture.orders, session: &session, logger: quiet)
            return Array(watched.status.differing.values)
        }
        #expect(try differing(after: "later", at: 3_000_000) == [])
        #expect(
            try differing(after: "earlier", at: 1_000_000) == ["alice is of an earlier fact than the last one"])
        #expect(try differing(after: "later", at: 3_000_000) == [])
    }

    @Test func theMonitorFindsWhatNobodyTouches() throws {
        let fixture = try Fixture()
        // More than the tail: only the sweep comes to the first ones.
        let facts = (100..<900).map { created("o-\($0)") }
        try fixture.store(facts)
        try fixture.project(facts)
        _ = try fixture.views.execute("DELETE FROM order_views WHERE order_id = 'o-100'")
        let notification = try freshDatabase(ServiceDatabase.notification.migrations)
        let told = try Connection(notification, logger: quiet)
        defer { told.close() }
        try NotificationHandler(recipientDomain: "d.test", messageDomain: "m").apply(facts, on: told)
        try told.script("UPDATE contacts SET user_id = 'eve' WHERE order_id = 'o-500'")
        try publishAll(fixture)
        var configuration = ConsistencyMonitor.Configuration()
        configuration.interval = .milliseconds(10)
        configuration.sweep = 150
        let monitors = (0..<2).map { _ in
            ConsistencyMonitor(
                orders: fixture.ordersDatabase, views: fixture.viewsDatabase, topics: ["order-events"],
                replicas: [contacts(in: notification)], configuration: configuration, logger: quiet)
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
        let replica = "notification: contacts"
        try eventually("the replica is compared") { monitors[0].status.replicas[replica]?.differing.isEmpty == false }
        #expect(
            health.report.checks[1].status
                == .degraded("1 rows of \(replica) differ; o-500 has another user_id"))
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
