import Messaging
import OrderFacts
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import Notification
@testable import OrderflowKit
@testable import Projection

/// Copies of what others say, by their declaration alone.
@Suite(.blocking, .servers) struct ReplicaTests {
    struct Priced: OrderFact, Codable {
        static let type = "Priced"
        let orderID: String
        let article: String
        let cents: Int?
        let isOffered: Bool?
        @WireTime var at: Int64
    }

    struct Shelved: OrderFact, Codable {
        static let type = "Shelved"
        let orderID: String
        let article: String
        let shelf: String
        @WireTime var at: Int64
    }

    struct Gone: OrderFact, Codable {
        static let type = "Gone"
        let orderID: String
        let article: String
        @WireTime var at: Int64
    }

    private static let articles = Replica(
        "articles", of: .orderEvents, key: ["article"],
        parts: [
            ReplicaPart(
                "price", of: Priced.self,
                columns: [
                    .integer("cents") { $0.cents.map { Int64($0) } }, .boolean("is_offered") { $0.isOffered },
                    .time("offered_at") { $0.at }, .json("tags") { Array(#"["\#($0.orderID)"]"#.utf8) },
                ],
                from: [.saying(Priced.self, by: { [$0.article] }) { $0 }, .removing(Gone.self) { [$0.article] }]),
            ReplicaPart("place", from: Shelved.self, by: { [$0.article] }, columns: [.text("shelf") { $0.shelf }]),
        ])

    private static let start: Int64 = 1_767_225_600_000_000

    /// A fact of one of few articles, at one of few moments, and what it says of each part: nil is nothing, "-" that it
    /// isn't there any more.
    private struct Said {
        let message: InboundMessage
        let key: [UInt8]
        let at: Int64
        var price: String?
        var place: String?

        init(_ random: inout SeededGenerator) {
            // Two spellings of one letter are two keys.
            let article = ["a", "b", "\u{E9}", "e\u{301}"].randomElement(using: &random) ?? ""
            let tenant = ["one", "two"].randomElement(using: &random) ?? ""
            let number = Int.random(in: 0...3, using: &random)
            at = ReplicaTests.start + Int64.random(in: 0...3, using: &random)
            key = Array("\(tenant)/\(article)".utf8)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let cents = number == 0 ? nil : number
                let isOffered = [nil, true, false].randomElement(using: &random) ?? nil
                message = inbound(
                    Priced(orderID: "o-\(number)", article: article, cents: cents, isOffered: isOffered, at: at),
                    tenant: tenant)
                price = "\(cents.map { "\($0)" } ?? "-") \(isOffered.map { "\($0)" } ?? "-") o-\(number) \(at)"
            case 2:
                message = inbound(
                    Shelved(orderID: "o-1", article: article, shelf: "s-\(number)", at: at), tenant: tenant)
                place = "s-\(number)"
            default:
                message = inbound(Gone(orderID: "o-1", article: article, at: at), tenant: tenant)
                price = "- - - -"
            }
        }
    }

    /// In any order, in any batches, some of them twice: the table says what a list of all facts says.
    @Test func theLatestIsKeptHoweverFactsCome() throws {
        var random = SeededGenerator.fromEnvironment("theLatestIsKeptHoweverFactsCome")
        let connection = try Connection(freshDatabase([]), logger: quiet)
        defer { connection.close() }
        try connection.script(Self.articles.definition)
        let handler = ReplicaHandler(replica: Self.articles)
        for round in 0..<20 {
            try connection.script("TRUNCATE articles")
            let facts = (0..<40).map { _ in Said(&random) }
            var rest = (facts + facts.prefix(Int.random(in: 0...20, using: &random))).shuffled(using: &random)[...]
            while !rest.isEmpty {
                let batch = rest.prefix(Int.random(in: 1...12, using: &random))
                rest = rest.dropFirst(batch.count)
                try handler.apply(batch.map(\.message), on: connection)
            }
            func latest(_ key: [UInt8], _ part: (Said) -> String?) -> String {
                let said = facts.filter { $0.key == key && part($0) != nil }
                let last = said.max { ($0.at, $0.message.id) < ($1.at, $1.message.id) }
                return last.map { "\(part($0) ?? "") by \($0.message.id)" } ?? "nothing"
            }
            var expected: [[UInt8]] = []
            for key in Set(facts.map(\.key)) {
                expected.append(key + Array(": \(latest(key, \.price)), \(latest(key, \.place))".utf8))
            }
            let rows = try connection.query(
                """
                SELECT convert_to(concat(tenant, '/', article, ': ',
                    CASE WHEN price_message IS NULL THEN 'nothing' ELSE concat_ws(' ', coalesce(cents::text, '-'),
                        coalesce(is_offered::text, '-'), coalesce(tags->>0, '-'),
                        coalesce((extract(epoch FROM offered_at) * 1000000)::bigint::text, '-'), 'by', price_message) END,
                    ', ', CASE WHEN place_message IS NULL THEN 'nothing' ELSE shelf || ' by ' || place_message END), 'UTF8')
                FROM articles
                """
            ).map { try $0.get(0, as: [UInt8].self) }
            #expect(Set(rows) == Set(expected), "round \(round), seed \(random.seed)")
            #expect(rows.count == expected.count)
        }
    }

    @Test func whatComesFirstIsKept() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.notification.migrations), logger: quiet)
        defer { connection.close() }
        let handler = ReplicaHandler(replica: .contacts(recipientDomain: "d.test"))
        func order(_ id: String, _ email: String?) -> InboundMessage {
            inbound(
                OrderCreated(
                    orderID: id, userID: "alice", items: [OrderLine(sku: "A", quantity: 1)],
                    total: Money(minorUnits: 100, currency: .usd), createdAt: 0, email: email))
        }
        func rows() throws -> [String] {
            try connection.query(
                "SELECT concat_ws(' ', order_id, user_id, recipient, total, currency) FROM contacts ORDER BY order_id"
            ).map { try $0.get(0, as: String.self) }
        }
        // A row that mails wait by is filled; what was withdrawn comes back by nothing, its beginning included.
        try connection.script(
            """
            INSERT INTO contacts (tenant, order_id, user_id, recipient, total, currency)
            VALUES ('default', 'awaited', '', '', '', '')
            """)
        func withdrawn(_ id: String) -> InboundMessage { inbound(OrderWithdrawn(orderID: id, reason: "r", at: 9)) }
        let first = [order("a", "first@x"), order("awaited", nil), withdrawn("gone"), order("late", "late@x")]
        try handler.apply(first, on: connection)
        let expected = ["a alice first@x 1.00 USD", "awaited alice alice@d.test 1.00 USD", "gone"]
        #expect(try rows() == expected + ["late alice late@x 1.00 USD"])
        try handler.apply([order("a", "second@x"), order("gone", "back@x"), withdrawn("late")], on: connection)
        try handler.apply(first, on: connection)
        #expect(try rows() == expected + ["late"])
    }

    /// The tables of replicas from before they were declared.
    @Test func declarationsFitTheTablesThatMigrationsMake() throws {
        for (replica, database) in [
            (Replica.recipients, ServiceDatabase.views), (.contacts(recipientDomain: "d.test"), .notification),
        ] {
            let connection = try Connection(freshDatabase(database.migrations), logger: quiet)
            defer { connection.close() }
            try connection.script("CREATE SCHEMA declared; SET search_path = declared; \(replica.definition)")
            func columns(_ schema: String) throws -> [String] {
                try connection.query(
                    """
                    SELECT concat_ws(' ', column_name, data_type, is_nullable) FROM information_schema.columns
                    WHERE table_schema = $1 AND table_name = $2
                    ORDER BY ordinal_position
                    """, [.text(schema), .text(replica.table)]
                ).map { try $0.get(0, as: String.self) }
            }
            let made = try columns("public")
            #expect(try columns("declared") == made && made.count > 3, "\(replica.name)")
        }
    }

    @Test func aColumnIsAddedByALaterMigration() throws {
        let replica = Replica(
            "places", of: .orderEvents, key: ["article"],
            parts: [
                ReplicaPart(
                    "place", from: Shelved.self, by: { [$0.article] },
                    columns: [.text("shelf") { $0.shelf }, .time("since", since: 2) { $0.at }])
            ])
        let connection = try Connection(freshDatabase([]), logger: quiet)
        defer { connection.close() }
        try connection.script(replica.definition)
        #expect(!replica.definition.contains("since"))
        try connection.script(replica.columns(since: 2))
        let fact = Shelved(orderID: "o-1", article: "a", shelf: "s", at: Self.start)
        try ReplicaHandler(replica: replica).apply([inbound(fact)], on: connection)
        #expect(
            try connection.number("SELECT count(*) FROM places WHERE since = '2026-01-01T00:00:00Z' AND shelf = 's'")
                == 1)
    }
}
