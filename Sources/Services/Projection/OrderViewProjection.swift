import Messaging
import OrderflowKit
import Orders
import Postgres

/// Folds batches of facts into `order_views`: one read and one write of all orders in the batch.
struct OrderViewProjection: BatchHandler {
    /// All facts about orders in the installation.
    private let facts: FactCatalogue
    let types: Set<String>

    /// - Parameter facts: all of the installation.
    init(_ facts: FactCatalogue) {
        self.facts = facts.orderFacts
        types = self.facts.types
    }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var fold = OrderViewFold(facts, capacity: messages.count)
        for message in messages { try fold.add(message) }
        if try fold.save(on: connection) { try connection.notify(OrderViewRows.channel) }
    }
}

/// Reads and writes of whole views.
package enum OrderViewRows {
    /// Notified with each commit that changed views, for readers that wait for that (`OrderWatch`).
    package static let channel = "order_views"

    package static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: OrderView] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT tenant, order_id, document FROM order_views
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var views = [OrderKey: OrderView](minimumCapacity: rows.count)
        for row in rows {
            let key = try OrderKey(row)
            views[key] = try row.withBytes(2) { try OrderView(document: $0) }
        }
        return views
    }

    /// Writes views that were as `loaded` (missing: not there) when they were read.
    /// Throws `ConcurrentChange` when one has moved: a foreign producer put facts of one order under two keys.
    package static func save(
        _ views: [OrderViewFold.Folded], _ loaded: [OrderKey: OrderView], on connection: Connection
    ) throws {
        guard !views.isEmpty else { return }
        let new = views.filter { loaded[$0.key] == nil }
        let old = views.filter { loaded[$0.key] != nil }
        let answers = try connection.pipeline { pipeline in
            if !new.isEmpty { insert(new, in: &pipeline) }
            if !old.isEmpty { update(old, loaded, in: &pipeline) }
        }
        guard answers.reduce(0, { $0 + $1.affected }) == views.count else {
            throw ConcurrentChange(streamID: "an order view")
        }
    }

    private static func insert(_ views: [OrderViewFold.Folded], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO order_views (tenant, order_id, user_id, status, created_at, version, revision, document)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[],
                                 $7::int[], $8::json[])
            ON CONFLICT (tenant, order_id) DO NOTHING
            """, columns(views))
    }

    private static func update(
        _ views: [OrderViewFold.Folded], _ loaded: [OrderKey: OrderView], in pipeline: inout Pipeline
    ) {
        pipeline.query(
            """
            UPDATE order_views v SET user_id = t.user_id, status = t.status, created_at = t.created_at,
                version = t.version, revision = t.revision, document = t.document
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[], $7::int[],
                        $8::json[], $9::int[])
                 AS t (tenant, order_id, user_id, status, created_at, version, revision, document, loaded)
            WHERE v.tenant = t.tenant AND v.order_id = t.order_id AND v.revision = t.loaded
            """, columns(views) + [.int4Array(views.map { Int32(loaded[$0.key]?.revision ?? 0) })])
    }

    /// Whether rows can come in by COPY: not where the session is subject to row policies, as a daemon is whose role may
    /// not bypass them (PostgreSQL, `COPY`, Notes).
    package static func canBeCopied(on connection: Connection) throws -> Bool {
        try !connection.query("SELECT row_security_active('order_views')").one().get(0, as: Bool.self)
    }

    /// As `save`, of views that aren't there; a third of the cost a row. `ConcurrentChange` says that one is.
    package static func copy(_ views: some Sequence<OrderViewFold.Folded>, on connection: Connection) throws {
        do {
            try connection.copyIn(
                """
                COPY order_views (tenant, order_id, user_id, status, created_at, version, revision, document)
                FROM STDIN (FORMAT binary)
                """
            ) { writer in
                for (key, view) in views {
                    try writer.row([
                        .text(key.tenant), .text(key.orderID), .text(view.created?.userID), .text(view.status.rawValue),
                        view.created.map { .timestamp($0.createdAt) } ?? .null, .int4(Int32(view.version)),
                        .int4(Int32(view.revision)), .json(view.document()),
                    ])
                }
            }
        } catch let error as PostgresError where error.violates(.uniqueViolation) {
            throw ConcurrentChange(streamID: "an order view")
        }
    }

    private static func columns(_ rows: [OrderViewFold.Folded]) -> [Parameter] {
        [
            .textArray(rows.map(\.0.tenant)), .textArray(rows.map(\.0.orderID)),
            .textArrayOptional(rows.map(\.1.created?.userID)), .textArray(rows.map(\.1.status.rawValue)),
            .timestampArrayOptional(rows.map(\.1.created?.createdAt)),
            .int4Array(rows.map { Int32($0.1.version) }), .int4Array(rows.map { Int32($0.1.revision) }),
            .jsonArray(rows.map { $0.1.document() }),
        ]
    }
}
