import Execution
import JSON
import Kafka
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Copies by routes, made by the relay of the table that a fact lies in.
@Suite(.servers) struct RouteTests {
    private static func fact(
        _ type: String = "OrderCreated", tenant: String = "acme", topic: String = "order-events",
        _ payload: String = #"{"currency":"EUR","total":4.50,"gift":true,"lines":[{"sku":"ABC"}]}"#
    ) -> RoutedFact {
        RoutedFact(
            topic: topic, tenant: tenant, type: type, key: "1", source: "/orderflow/orders",
            payload: { try? JSONValue(parsing: payload) })
    }

    private static func route(_ change: (inout MessageRoute) -> Void) -> MessageRoute {
        var route = MessageRoute("r", .fanout, to: "t")
        change(&route)
        return route
    }

    @Test func everyConditionHasToHold() throws {
        func takes(_ fact: RoutedFact = RouteTests.fact(), _ change: (inout MessageRoute) -> Void) -> Bool {
            Self.route(change).obstacle(to: fact) == nil
        }
        #expect(takes { _ in })
        #expect(takes { $0.tenants = ["acme", "globex"] } && !takes { $0.tenants = ["globex"] })
        #expect(takes { $0.types = ["OrderCreated"] } && !takes { $0.types = ["OrderConfirmed"] })
        #expect(takes { $0.origins = ["order-events"] } && !takes { $0.origins = ["user-events"] })
        func with(_ subject: MessageRoute.Condition.Subject, _ values: Set<String>) -> Bool {
            takes { $0.conditions = [.init(.key, ["1"]), .init(subject, values)] }
        }
        #expect(with(.source, ["/orderflow/orders"]) && !with(.source, ["/orderflow/payment"]))
        #expect(with(.member(["currency"]), ["CHF", "EUR"]) && !with(.member(["currency"]), ["CHF"]))
        #expect(with(.member(["total"]), ["4.50"]) && with(.member(["gift"]), ["true"]))
        #expect(with(.member(["lines", "0", "sku"]), ["ABC"]) && !with(.member(["lines", "1", "sku"]), ["ABC"]))
        #expect(!with(.member(["lines"]), ["ABC"]) && !with(.member(["missing"]), [""]))
        #expect(!takes(Self.fact("OrderCreated", "no JSON")) { $0.conditions = [.init(.member(["a"]), ["b"])] })
        let direct = MessageRoute("r", .direct(["acme.order.created"]), to: "t")
        #expect(direct.obstacle(to: Self.fact()) == nil && direct.obstacle(to: Self.fact("OrderConfirmed")) != nil)
    }

    /// Two routes that lead to one topic bring a fact there once, and what isn't on a topic of facts goes nowhere.
    @Test func aFactComesOnceToATopic() {
        let table = RouteTable(
            [
                MessageRoute("a", .fanout, to: "t"), MessageRoute("b", .fanout, to: "t"),
                MessageRoute("c", .fanout, to: "u"),
            ], factTopics: ["order-events"])
        #expect(table.routes(of: Self.fact()).map(\.name) == ["a", "c"])
        #expect(table.routes(of: Self.fact(topic: "payment-commands")).isEmpty)
        #expect(table.targets == ["t", "u"])
    }

    /// An outbox with facts of two tenants, and a relay that copies one's.
    private struct Fixture {
        let outbox: OutboxFixture
        let copies: TestTopic
        let table: RouteTable

        init() throws {
            outbox = try OutboxFixture()
            copies = try TestTopic(partitions: 1)
            var route = MessageRoute("partner", .fanout, to: copies.name)
            route.tenants = ["acme"]
            table = RouteTable([route], factTopics: [outbox.topic.name])
        }

        func append(_ numbers: Range<Int>) throws {
            let connection = try outbox.connect()
            try connection.transaction { connection in
                try Outbox.append(
                    numbers.map { number in
                        OutgoingEvent(
                            topic: outbox.topic.name, key: "k\(number % 7)", type: "Happened",
                            payload: Array(#"{"n":\#(number)}"#.utf8),
                            metadata: EventMetadata(
                                id: "\(number)", source: "/test", time: 0,
                                tenant: number % 2 == 0 ? "acme" : "globex", correlationID: "c"))
                    }, on: connection)
            }
        }

        /// Ends the relay's session, as a server that goes away would.
        func cutOff() throws {
            _ = try outbox.connect().execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """)
        }

        /// Runs `body` beside a relay that stores its checkpoint late.
        func relaying(pageSize: Int = 2_000, _ body: (Relay) throws -> Void) throws {
            let producer = try outbox.topic.producer()
            producer.prepare(topics: [copies.name], timeout: .seconds(5))
            var configuration = Relay.Configuration()
            configuration.routes = table
            configuration.pageSize = pageSize
            configuration.leadershipPoll = .milliseconds(20)
            configuration.checkpointInterval = .seconds(3_600)
            configuration.checkpointRows = 1_000_000
            let relay = Relay(
                source: .outbox, database: outbox.database, producer: producer, service: "test",
                configuration: configuration, logger: quiet)
            let stop = StopSignal()
            let thread = DedicatedThread.start("relay") { relay.run(until: stop) }
            defer {
                stop.stop()
                thread.join(timeout: .seconds(10))
                producer.close(timeout: .seconds(5))
            }
            try body(relay)
        }
    }

    private static func ids(_ topic: TestTopic) throws -> [String] {
        try topic.records().map { $0.headers["ce_id"] ?? "?" }
    }

    /// Leaders are cut off again and again with all that they have published unsaid; each time the next one publishes
    /// what is missing, of originals and copies alike.
    @Test func copiesAreInOrderAndOnceWhateverIsCutOff() throws {
        let fixture = try Fixture()
        try fixture.relaying { relay in
            for round in 0..<6 {
                try fixture.append(round * 50..<(round + 1) * 50)
                relay.wake()
                try eventually("round \(round) is out") {
                    try fixture.copies.records().count == (round + 1) * 25
                        && fixture.outbox.topic.records().count == (round + 1) * 50
                }
                try fixture.cutOff()
            }
            try eventually("somebody leads") { relay.currentStatus.leading }
        }
        #expect(try Self.ids(fixture.outbox.topic) == (0..<300).map { "\($0)" })
        #expect(try Self.ids(fixture.copies) == stride(from: 0, to: 300, by: 2).map { "\($0)" })
        let original = try fixture.outbox.topic.records()[4]
        let copy = try fixture.copies.records()[2]
        #expect(copy.key == original.key && copy.value == original.value && copy.headers == original.headers)
    }

    /// A backlog of many pages, each of which is read while the one before it is on its way, and leaders that lose their
    /// connection in the middle of that.
    @Test func aBacklogIsInOrderAndOnceWhateverIsCutOff() throws {
        let fixture = try Fixture()
        try fixture.append(0..<600)
        var generator = SeededGenerator.fromEnvironment()
        try fixture.relaying(pageSize: Int.random(in: 2...9, using: &generator)) { relay in
            for part in 1...6 {
                try eventually("part \(part) is out") { try fixture.outbox.topic.records().count >= part * 90 }
                try fixture.cutOff()
            }
            try eventually("all are out") { relay.currentStatus.published == 600 }
        }
        #expect(try Self.ids(fixture.outbox.topic) == (0..<600).map { "\($0)" })
        #expect(try Self.ids(fixture.copies) == stride(from: 0, to: 600, by: 2).map { "\($0)" })
    }

    /// A leader that ended between the copies and the originals, which go last.
    @Test func anOriginalThatIsMissingIsPublishedWithoutItsCopies() throws {
        let fixture = try Fixture()
        try fixture.append(0..<6)
        func waiting() throws -> [String] {
            try fixture.outbox.connect().query(RelaySource.outbox.waiting).map { try $0.get(1, as: String.self) }
        }
        #expect(try waiting().map { $0.prefix(7) } == ["6 wait "])
        let rows = try fixture.outbox.connect().query(
            "SELECT position, \(RelaySource.outbox.columns) FROM outbox ORDER BY position")
        var encoder = RelayEncoder(source: .outbox, routes: fixture.table, signatures: nil)
        let records = try encoder.records(rows)
        #expect(records.map { $0.copies.map(\.route) } == [["partner"], [], ["partner"], [], ["partner"], []])
        let copies = records.flatMap(\.copies)
        let producer = try fixture.copies.producer()
        _ = try producer.publish(copies.map(\.message), timeout: .seconds(20))
        producer.close(timeout: .seconds(5))
        try fixture.relaying { relay in
            try eventually("all are seen to") { relay.currentStatus.published == 6 }
        }
        #expect(try fixture.outbox.topic.records().count == 6)
        #expect(try waiting() == [])
        #expect(try fixture.copies.records().map { $0.headers["ce_id"] } == ["0", "2", "4"])
    }

    /// Nobody can make the checkpoint move past a fact whose copy has nowhere to go.
    @Test func aMissingTopicHoldsUpWhatItShouldHave() throws {
        let outbox = try OutboxFixture()
        try outbox.append("1")
        let table = RouteTable([MessageRoute("r", .fanout, to: "missing-copies")], factTopics: [outbox.topic.name])
        let rows = try outbox.connect().query("SELECT position, \(RelaySource.outbox.columns) FROM outbox")
        var encoder = RelayEncoder(source: .outbox, routes: table, signatures: nil)
        let records = try encoder.records(rows)
        let producer = try outbox.topic.producer()
        defer { producer.close(timeout: .seconds(1)) }
        let publication = RelayPublication(producer: producer, traces: nil, logger: quiet)
        #expect(throws: TopicMissing.self) { try publication.publish(records, until: StopSignal()) }
        #expect(try outbox.topic.records().isEmpty, "the original goes after its copies")
    }
}
