import JSON
import Messaging
import OrderFacts
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import OrderflowKit
@testable import Projection
@testable import Query

/// How views lie in their table, and what keeps those that are remembered right.
@Suite(.blocking, .servers) struct OrderViewRowsTests {
    private static let money = Money(minorUnits: 4999, currency: .usd)

    /// What comes after `OrderCreated`; the second fact of a life is the order's own.
    private static let lives: [[FactDraft]] = [
        [
            .stockReserved(items: []), .orderConfirmed(userID: "alice", total: money),
            .paymentProcessed(amount: money, reference: "charge"), .shipmentCreated(shipmentID: "s"),
            .shipmentDispatched(shipmentID: "s", trackingNumber: "T"),
            .notificationSent(kind: "order-confirmed", recipient: "a@b", messageID: "m"),
        ],
        [
            .paymentFailed(reason: "declined \u{1}\"},{\" \u{2028}"),
            .orderCancelled(userID: "alice", total: money, reason: "too dear"), .stockReserved(items: []),
            .stockReleased(items: []),
            .notificationSent(kind: "order-cancelled", recipient: "a@b", messageID: "m"),
        ],
        // Known by a foreign producer's facts alone.
        [.shipmentCreated(shipmentID: "s"), .paymentVoided],
    ]

    private static let facts: [InboundMessage] = (0..<9).flatMap { number in
        let life = lives[number % lives.count]
        let tenant = number % 2 == 0 ? "default" : "acme"
        let first = number % 3 == 2 ? [] : [created("o-\(number)", tenant: tenant)]
        return first
            + life.enumerated().map { index, kind in
                heard(
                    kind, of: "o-\(number)", at: Int64(index + 2) * 1_000_000,
                    version: index == 1 && number % 3 != 2 ? 2 : nil, tenant: tenant)
            }
    }

    private func rows(_ connection: Connection) throws -> [String] {
        try connection.query("SELECT v::text FROM order_views v ORDER BY 1").map { try $0.get(0, as: String.self) }
    }

    private struct RolledBack: Error {}

    /// Two processes take turns, each remembering what it wrote; transactions are rolled back and come again, records are
    /// copied to anywhere behind the first: the rows are those of each fact once, to the last byte.
    @Test func rowsDoNotDependOnTheWayOfFacts() throws {
        var generator = SeededGenerator.fromEnvironment("rowsDoNotDependOnTheWayOfFacts")
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connections = try (0..<2).map { _ in try Connection(database, logger: quiet) }
        defer { for connection in connections { connection.close() } }
        let first = connections[0]
        try OrderViewProjection(.standard).apply(Self.facts, on: first)
        let expected = try rows(first)
        #expect(expected.count == 9)
        for round in 0..<TestTier.rounds(40) {
            try first.script("TRUNCATE order_views")
            let limit = [0, 4_000, 5 << 20].randomElement(using: &generator) ?? 0
            let projections = (0..<2).map { _ in OrderViewProjection(.standard, recent: RecentViews(limit: limit)) }
            var rest = Self.facts.shuffled(using: &generator)
            for copy in Self.facts.shuffled(using: &generator).prefix(20) {
                rest.insert(copy, at: Int.random(in: 0...rest.count, using: &generator))
            }
            while !rest.isEmpty {
                let batch = Array(rest.prefix(Int.random(in: 1...8, using: &generator)))
                let process = Int.random(in: 0...1, using: &generator)
                let (projection, connection) = (projections[process], connections[process])
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    #expect(throws: RolledBack.self) {
                        try connection.transaction { connection in
                            var outbox: [OutgoingEvent] = []
                            try projection.handle(batch, on: connection, outbox: &outbox)
                            throw RolledBack()
                        }
                    }
                    continue
                }
                rest.removeFirst(batch.count)
                try projection.apply(batch, on: connection)
            }
            #expect(try rows(first) == expected, "round \(round), limit \(limit), seed \(generator.seed)")
        }
    }

    /// A copy changes no ETag and rewrites no row, whether the view is remembered or not.
    @Test(arguments: [0, 5 << 20]) func aCopyChangesNothing(limit: Int) throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.views.migrations), logger: quiet)
        defer { connection.close() }
        let projection = OrderViewProjection(.standard, recent: RecentViews(limit: limit))
        try projection.apply([created()], on: connection)
        try projection.apply([confirmed()], on: connection)
        let before = try connection.query("SELECT v::text, xmin::text FROM order_views v").one()
        for copies in [[created()], [confirmed(), created()], [created(), confirmed(), created()]] {
            try projection.apply(copies, on: connection)
            let after = try connection.query("SELECT v::text, xmin::text FROM order_views v").one()
            #expect(try after.get(0, as: String.self) == before.get(0, as: String.self))
            #expect(try after.get(1, as: String.self) == before.get(1, as: String.self))
        }
    }

    /// What operators change in the table, or exchange it for, is what the next fact comes on top of.
    @Test func aRowThatWasChangedMeanwhileCounts() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.views.migrations), logger: quiet)
        defer { connection.close() }
        let recent = RecentViews()
        let projection = OrderViewProjection(.standard, recent: recent)
        let stock = heard(.stockReserved(items: []), at: 1_500_000)
        try projection.apply([created(), stock], on: connection)
        #expect(recent.count == 1)
        var fold = OrderViewFold(.standard)
        try fold.add(created())
        let other = try #require(fold.views(over: [:]).map(\.view).first).pieces()
        _ = try connection.execute(
            "UPDATE order_views SET revision = 1, state = $1, timeline = $2",
            [.text(utf8: other.state), .text(utf8: other.timeline)])
        try projection.apply([confirmed()], on: connection)
        let key = OrderKey(tenant: "default", orderID: "o-1")
        let view = try #require(try OrderViewRows.load([key], on: connection)[key]).view
        #expect(view.timeline.map(\.type) == ["OrderCreated", "OrderConfirmed"] && view.revision == 2)
        // Lost with the change, so that its copy is new.
        try projection.apply([stock], on: connection)
        #expect(try connection.number("SELECT revision FROM order_views") == 3)
    }

    /// New orders are copied where there is little else, and then not remembered; beside orders on their way they are inserted.
    @Test func ordersOnTheirWayAreRemembered() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.views.migrations), logger: quiet)
        defer { connection.close() }
        let recent = RecentViews()
        let projection = OrderViewProjection(.standard, recent: recent)
        try projection.apply((0..<100).map { created("o-\($0)") }, on: connection)
        #expect(recent.count == 0)
        let more = (0..<100).map { confirmed("o-\($0)") } + (100..<170).map { created("o-\($0)") }
        try projection.apply(more, on: connection)
        #expect(recent.count == 170)
        #expect(try connection.number("SELECT count(*) FROM order_views") == 170)
        #expect(try connection.number("SELECT sum(revision)::bigint FROM order_views") == 270)
    }

    /// What is remembered has a bound, and is each connection's own: those of a group's two workers have one, and a third
    /// one takes the place of the one that was used longest ago.
    @Test func memoryIsBounded() throws {
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let recent = RecentViews(limit: 20_000)
        let projection = OrderViewProjection(.standard, recent: recent)
        for number in 0..<200 { try projection.apply([created("o-\(number)")], on: connection) }
        #expect((10...100).contains(recent.count))
        let known = recent.count
        let (other, third) = (try Connection(database, logger: quiet), try Connection(database, logger: quiet))
        defer {
            other.close()
            third.close()
        }
        try projection.apply([confirmed("o-199")], on: other)
        #expect(recent.count == known + 1)
        try projection.apply([confirmed("o-198")], on: connection)
        #expect(recent.count == known + 1, "what it knows it has itself")
        try projection.apply([confirmed("o-197")], on: third)
        #expect((known...known + 1).contains(recent.count), "the second one is the one used longest ago")
    }

    @Test func piecesMakeTheDocument() throws {
        for life in Self.lives {
            for count in 0...life.count {
                var fold = OrderViewFold(.standard)
                for (index, kind) in life.prefix(count).enumerated() {
                    try fold.add(heard(kind, at: Int64(index) * 1_000_000))
                }
                if life.count > 2 { try fold.add(created()) }
                for view in fold.views(over: [:]).map(\.view) {
                    #expect(try view.pieces().document() == view.document())
                }
            }
        }
    }

    /// An installation with views of the earlier form answers what it answered.
    @Test func documentsOfBeforeComeOver() throws {
        let migrations = ServiceDatabase.views.migrations
        let connection = try Connection(freshDatabase(migrations.filter { $0.version < 11 }), logger: quiet)
        defer { connection.close() }
        var fold = OrderViewFold(.standard)
        for fact in Self.facts { try fold.add(fact) }
        let before = Dictionary(uniqueKeysWithValues: fold.views(over: [:]).map { ($0.key, $0.view) })
        for (key, view) in before {
            _ = try connection.execute(
                """
                INSERT INTO order_views (tenant, order_id, user_id, status, created_at, version, revision, document)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                [
                    .text(key.tenant), .text(key.orderID), .text(view.created?.userID), .text(view.status.rawValue),
                    view.created.map { .timestamp($0.createdAt) } ?? .null, .int(view.version), .int(view.revision),
                    .json(view.document()),
                ])
        }
        // As an earlier migration left those that had a payment token.
        try connection.script(
            "UPDATE order_views SET document = (document::jsonb)::json WHERE order_id IN ('o-0', 'o-1')")
        _ = try Migrator.migrate(connection, migrations)
        let after = try OrderViewRows.load(before.keys.sorted(), on: connection)
        #expect(after.mapValues(\.view) == before)
        for row in try connection.query(
            "SELECT v.tenant, v.order_id, \(OrderViewPieces.columns(of: "v")) FROM order_views v")
        {
            let key = try OrderKey(row)
            let document = try OrderViewPieces(row, at: 2).document()
            if ["o-0", "o-1"].contains(key.orderID) {
                #expect(try JSONValue(parsing: document) == JSONValue(parsing: before[key]?.document() ?? []))
            } else {
                #expect(document == before[key]?.document())
            }
        }
        let indexes = try connection.query(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'order_views' ORDER BY 1"
        ).map { try $0.get(0, as: String.self) }
        #expect(
            indexes == ["order_views_by_status", "order_views_by_time", "order_views_by_user", "order_views_pkey"])
    }
}
