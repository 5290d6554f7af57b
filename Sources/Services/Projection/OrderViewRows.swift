import JSON
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Reads and writes of whole views.
package enum OrderViewRows {
    /// Notified with each commit that changes views, for readers that wait for that (`OrderWatch`).
    package static let channel = "order_views"

    /// A view that facts have changed. A class, as `StoredView` is.
    final class Change: Sendable {
        let key: OrderKey
        let view: OrderView
        /// What it was made from; nil where there is no row.
        let base: StoredView?

        init(key: OrderKey, view: OrderView, base: StoredView?) {
            self.key = key
            self.view = view
            self.base = base
        }
    }

    package static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: StoredView] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT v.tenant, v.order_id, v.xmin::text, \(OrderViewPieces.columns(of: "v")) FROM order_views v
            WHERE (v.tenant, v.order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var views = [OrderKey: StoredView](minimumCapacity: rows.count)
        for row in rows {
            let pieces = try OrderViewPieces(row, at: 3)
            views[try OrderKey(row)] = StoredView(
                view: try OrderView(pieces), row: try row.get(2, as: String.self), head: pieces.head.count,
                size: pieces.size)
        }
        return views
    }

    /// Writes views over the very rows that they were made from, and where there were none. What stands in `late` hasn't
    /// been written: there is another version of its row.
    ///
    /// - Parameter channel: notified, in the same round trip.
    static func save(
        _ changes: [Change], telling channel: String? = nil, on connection: Connection
    ) throws -> (stored: [(key: OrderKey, row: StoredView)], late: Set<OrderKey>) {
        guard !changes.isEmpty else { return ([], []) }
        let new = Written(changes.filter { $0.base == nil })
        let old = Written(changes.filter { $0.base != nil })
        let answers = try connection.pipeline { pipeline in
            if !new.changes.isEmpty { insert(new, in: &pipeline) }
            if !old.changes.isEmpty { update(old, in: &pipeline) }
            if let channel { pipeline.query("SELECT pg_notify($1, '')", [.text(channel)]) }
        }
        var rest = answers[...]
        var stored: [(key: OrderKey, row: StoredView)] = []
        stored.reserveCapacity(changes.count)
        var late: Set<OrderKey> = []
        for written in [new, old] where !written.changes.isEmpty {
            guard let rows = rest.popFirst() else { break }
            // All rows of a statement are of one transaction.
            guard let row = try rows.first?.get(2, as: String.self) else {
                late.formUnion(written.changes.map(\.key))
                continue
            }
            // Nearly always all of them are there, and needn't be read.
            let there = rows.count == written.changes.count ? nil : Set(try rows.map { try OrderKey($0) })
            for (index, change) in written.changes.enumerated() {
                if let there, !there.contains(change.key) {
                    late.insert(change.key)
                } else {
                    stored.append((change.key, written.stored(index, as: row)))
                }
            }
        }
        return (stored, late)
    }

    /// Changes with their columns.
    private struct Written {
        let changes: [Change]
        /// Nil where the row has it already.
        let heads: [[UInt8]?]
        let states: [[UInt8]]
        let timelines: [[UInt8]]

        init(_ changes: [Change]) {
            self.changes = changes
            heads = changes.map { $0.hasHead ? nil : $0.view.head() }
            states = changes.map { $0.view.state() }
            timelines = changes.map { $0.view.reversedTimeline() }
        }

        /// A change as its row has it now.
        func stored(_ index: Int, as row: String) -> StoredView {
            let head = heads[index]?.count ?? changes[index].base?.head ?? 0
            return StoredView(
                view: changes[index].view, row: row, head: head,
                size: head + states[index].count + timelines[index].count)
        }

        var columns: [Parameter] {
            [
                .textArray(changes.map(\.key.tenant)), .textArray(changes.map(\.key.orderID)),
                .textArrayOptional(changes.map { $0.hasHead ? nil : $0.view.created?.userID }),
                .timestampArrayOptional(changes.map { $0.hasHead ? nil : $0.view.created?.createdAt }),
                .textArrayOptional(utf8: heads), .textArray(changes.map(\.view.status.rawValue)),
                .int4Array(changes.map { Int32($0.view.version) }), .int4Array(changes.map { Int32($0.view.revision) }),
                .textArray(utf8: states), .textArray(utf8: timelines),
            ]
        }
    }

    private static func insert(_ new: Written, in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO order_views (tenant, order_id, user_id, created_at, head, status, version, revision, state, timeline)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::int[],
                                 $8::int[], $9::text[], $10::text[])
            ON CONFLICT (tenant, order_id) DO NOTHING
            RETURNING tenant, order_id, xmin::text
            """, new.columns)
    }

    private static func update(_ old: Written, in pipeline: inout Pipeline) {
        pipeline.query(
            """
            UPDATE order_views v SET user_id = coalesce(t.user_id, v.user_id),
                created_at = coalesce(t.created_at, v.created_at), head = coalesce(t.head, v.head), status = t.status,
                version = t.version, revision = t.revision, state = t.state, timeline = t.timeline
            FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::int[], $8::int[],
                        $9::text[], $10::text[], $11::text[])
                 AS t (tenant, order_id, user_id, created_at, head, status, version, revision, state, timeline, known)
            WHERE v.tenant = t.tenant AND v.order_id = t.order_id AND v.xmin = t.known::xid
            RETURNING v.tenant, v.order_id, v.xmin::text
            """, old.columns + [.textArray(old.changes.map { $0.base?.row ?? "" })])
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
                COPY order_views (tenant, order_id, user_id, created_at, head, status, version, revision, state, timeline)
                FROM STDIN (FORMAT binary)
                """
            ) { writer in
                var json = JSONWriter(capacity: 4096)
                for (key, view) in views {
                    try writer.row(columns: 10) { row in
                        row.text(key.tenant)
                        row.text(key.orderID)
                        row.text(view.created?.userID)
                        row.timestamp(view.created?.createdAt)
                        json.once(view.writeHeadPiece) { row.text(utf8: $0) }
                        row.text(view.status.rawValue)
                        row.int4(Int32(view.version))
                        row.int4(Int32(view.revision))
                        json.once(view.writeStatePiece) { row.text(utf8: $0) }
                        json.once(view.writeTimelinePiece) { row.text(utf8: $0) }
                    }
                }
            }
        } catch let error as PostgresError where error.violates(.uniqueViolation) {
            throw ConcurrentChange(streamID: "an order view")
        }
    }
}

extension OrderViewRows.Change {
    /// The row has the head that the view has: an order is created once, but for one that was scheduled.
    fileprivate var hasHead: Bool {
        guard let base else { return false }
        return (base.view.created == nil) == (view.created == nil)
            && (view.placeAt == nil || base.view.created == view.created)
    }
}
