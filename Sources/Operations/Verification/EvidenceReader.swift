import Fulfilment
import Inventory
import JSON
import Kafka
import Messaging
import Notification
import OrderAPI
import OrderFacts
import OrderflowKit
import Orders
import Postgres
import Projection
import Shipping

/// The services' databases as one reader: the evidence on some orders at a time, by ranges of their keys, so that
/// neither the number of orders nor the time that it takes needs a transaction or memory.
struct EvidenceReader {
    /// A connection to each service's database; saga is nil where there is none.
    struct Connections {
        let orders: Connection
        let views: Connection
        let shipping: Connection
        let notification: Connection
        let payment: Connection
        let inventory: Connection
        let saga: Connection?
    }

    /// How far the groups had come, and the relay, before anything else was looked at.
    struct Horizon {
        /// `pg_snapshot` as text: what it sees is on the topic. Nil where no relay has run.
        let published: String?
        /// Next offsets by group and partition of the order facts' topics.
        let offsets: [String: [TopicPartition: Int64]]
        let parked: [OrderKey: Set<String>]
    }

    /// The event store has more than orders.
    private static let categories = Parameter.textArray(OrderStreams.categories.sorted())

    let connections: Connections
    let horizon: Horizon

    /// - Parameter groups: with the connection to their database.
    init(_ connections: Connections, topics: [String]) throws {
        self.connections = connections
        var groups = [
            (ShippingGroup.name, connections.shipping), (NotificationGroup.name, connections.notification),
            (ReadModelGroup.orders, connections.views), (InventoryGroup.name, connections.inventory),
        ]
        if let saga = connections.saga { groups.append((FulfilmentSaga.group, saga)) }
        var offsets: [String: [TopicPartition: Int64]] = [:]
        for (group, connection) in groups {
            let rows = try connection.query(
                """
                SELECT topic, partition, next_offset FROM consumer_offsets
                WHERE consumer_group = $1 AND topic = ANY($2::text[])
                """, [.text(group), .textArray(topics)])
            offsets[group] = [:]
            for row in rows {
                let place = TopicPartition(
                    topic: try row.get(0, as: String.self), partition: try row.get(1, as: Int32.self))
                offsets[group]?[place] = try row.get(2, as: Int64.self)
            }
        }
        horizon = Horizon(
            published: try RelayCheckpointStore.published("events", on: connections.orders), offsets: offsets,
            parked: try Self.parkedKeys(
                groups.map(\.1) + [connections.orders, connections.payment]))
    }

    /// Keys of records are order ids. Tenants are told by headers only, so a parked key counts for all of them.
    private static func parkedKeys(_ databases: [Connection]) throws -> [OrderKey: Set<String>] {
        var parked: [OrderKey: Set<String>] = [:]
        for connection in databases {
            for row in try connection.query("SELECT key, consumer_group FROM parked_keys LIMIT 100000") {
                let key = OrderKey(tenant: "", orderID: try row.get(0, as: String.self))
                parked[key, default: []].insert(try row.get(1, as: String.self))
            }
        }
        return parked
    }

    /// The evidence on the next `limit` orders of the event store after `key`, and on whatever the others have among
    /// them that it hasn't; nil at the end. Databases must sort text alike, as `orderflow migrate` makes them.
    func next(after key: OrderKey?, limit: Int) throws -> (orders: [OrderEvidence], last: OrderKey)? {
        let keys = try StoredOrders(connection: connections.orders).keys(after: key, limit: limit)
        guard let last = keys.last else { return nil }
        let range = KeyRange(after: key ?? OrderKey(tenant: "", orderID: ""), through: last)
        var found: [OrderKey: OrderEvidence] = [:]
        try events(range, &found)
        try facts(range, &found)
        try statuses(range, &found)
        try payments(range, &found)
        try mails(range, &found)
        try views(range, &found)
        try sagas(range, &found)
        for key in found.keys {
            if let groups = horizon.parked[OrderKey(tenant: "", orderID: key.orderID)] { found[key]?.parkedBy = groups }
        }
        return (found.values.sorted { $0.key < $1.key }, range.last)
    }

    /// An order that the topic knows and the event store doesn't.
    struct Stranger {
        let key: OrderKey
        /// The topic knows it from the order service itself.
        let isOurs: Bool
        /// It has been announced.
        let isAnnounced: Bool
    }

    /// Those that the order service itself told of come first.
    func strangers() throws -> [Stranger] {
        try connections.orders.withStatementTimeout(.seconds(3600)) { connection in
            try connection.query(
                """
                SELECT tenant, order_id, bool_or(stream_version IS NOT NULL) AS ours, bool_or(type = $1)
                FROM topic_facts f
                WHERE NOT EXISTS (
                    SELECT FROM events e
                    WHERE e.tenant = f.tenant AND e.stream_id = f.order_id AND e.category = ANY($2::text[]))
                GROUP BY tenant, order_id ORDER BY ours DESC, tenant, order_id LIMIT 10000
                """, [.text(OrderCreated.type), Self.categories])
        }.map { row in
            Stranger(
                key: try OrderKey(row), isOurs: try row.get(2, as: Bool.self),
                isAnnounced: try row.get(3, as: Bool.self))
        }
    }

    /// - Parameters:
    ///   - id: the column with the orders' ids.
    ///   - own: the statement's parameters from `$1` on.
    ///   - sql: the statement, given the condition that a row is in the range.
    private func rows(
        of connection: Connection, _ range: KeyRange, by id: String = "order_id", with own: [Parameter] = [],
        _ sql: (_ isInRange: String) -> String
    ) throws -> [Row] {
        try range.stretches.flatMap { stretch in
            try connection.query(sql(stretch.condition(on: id, behind: own.count)), own + stretch.bounds)
        }
    }

    // MARK: Each source

    private func events(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let own = [horizon.published.map { .text($0) } ?? .null, Self.categories]
        let rows = try rows(of: connections.orders, range, by: "stream_id", with: own) { isInRange in
            """
            SELECT tenant, stream_id, created_at, metadata->>'id', type, version, category,
                COALESCE(pg_visible_in_snapshot(txid, $1::text::pg_snapshot), false)
            FROM events WHERE \(isInRange) AND category = ANY($2::text[])
            ORDER BY tenant, stream_id, version
            """
        }
        for row in rows {
            try note(row, &found) { order in
                order.events.append(
                    OrderEvidence.Event(
                        id: try row.get(3, as: String?.self) ?? "", type: try row.get(4, as: String.self),
                        version: Int(try row.get(5, as: Int32.self)),
                        isAdopted: try row.get(6, as: String.self) == OrderStreams.adoptedCategory,
                        isPublished: try row.get(7, as: Bool.self)))
            }
        }
    }

    private func facts(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let rows = try rows(of: connections.orders, range) { isInRange in
            """
            SELECT tenant, order_id, NULL::timestamptz, id, min(type), count(*), min(stream_version), min(detail),
                   max(partition), min("offset"), min(plain_id), min(topic)
            FROM topic_facts
            WHERE \(isInRange)
            GROUP BY tenant, order_id, id
            """
        }
        for row in rows {
            let place = TopicPartition(
                topic: try row.get(11, as: String.self), partition: try row.get(8, as: Int32.self))
            let offset = try row.get(9, as: Int64.self)
            let behind = horizon.offsets.filter { offset >= $0.value[place] ?? 0 }.map(\.key)
            try note(row, &found) { order in
                order.facts.append(
                    OrderEvidence.Fact(
                        id: try row.get(3, as: String.self), plainID: try row.get(10, as: String?.self),
                        type: try row.get(4, as: String.self), copies: Int(try row.get(5, as: Int64.self)),
                        streamVersion: try row.get(6, as: Int32?.self).map { Int($0) },
                        detail: try row.get(7, as: String?.self), unreadBy: Set(behind)))
            }
        }
    }

    private func statuses(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        func rows(of table: String, on connection: Connection) throws -> [Row] {
            try self.rows(of: connection, range) {
                "SELECT tenant, order_id, updated_at, status FROM \(table) WHERE \($0)"
            }
        }
        for row in try rows(of: "reservations", on: connections.inventory) {
            try note(row, &found) { $0.reservation = try row.get(3, as: String.self) }
        }
        for row in try rows(of: "shipments", on: connections.shipping) {
            try note(row, &found) { $0.shipment = try row.get(3, as: String.self) }
        }
    }

    private func payments(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let rows = try rows(of: connections.payment, range) {
            "SELECT tenant, order_id, updated_at, status, charge_reference, refund_reference FROM payments WHERE \($0)"
        }
        for row in rows {
            try note(row, &found) { order in
                order.payment = OrderEvidence.Payment(
                    status: try row.get(3, as: String.self), chargeReference: try row.get(4, as: String?.self),
                    refundReference: try row.get(5, as: String?.self))
            }
        }
    }

    private func mails(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let rows = try rows(of: connections.notification, range) {
            "SELECT tenant, order_id, COALESCE(sent_at, created_at), kind, status, error FROM mails WHERE \($0)"
        }
        for row in rows {
            try note(row, &found) { order in
                order.mails.append(
                    OrderEvidence.Mail(
                        kind: try row.get(3, as: String.self), status: try row.get(4, as: String.self),
                        error: try row.get(5, as: String?.self)))
            }
        }
    }

    private func views(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let rows = try rows(of: connections.views, range) { isInRange in
            """
            SELECT tenant, order_id, NULL::timestamptz, status, \(OrderViewPieces.columns(of: "v"))
            FROM order_views v WHERE \(isInRange)
            """
        }
        for row in rows {
            let view = try OrderView(OrderViewPieces(row, at: 4))
            try note(row, &found) { order in
                order.view = OrderEvidence.View(
                    status: try row.get(3, as: String.self), facts: Set(view.timeline.map(\.identity)))
            }
        }
    }

    private func sagas(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        guard let saga = connections.saga else { return }
        let rows = try rows(of: saga, range, by: "id", with: [.text(FulfilmentSaga.name)]) {
            "SELECT tenant, id, updated_at, status, attention FROM saga_instances WHERE saga = $1 AND \($0)"
        }
        for row in rows {
            try note(row, &found) { order in
                order.saga = OrderEvidence.Saga(
                    status: try row.get(3, as: String.self), attention: try row.get(4, as: String?.self))
            }
        }
    }

    /// Rows begin with tenant, order and the time of their last change.
    private func note(
        _ row: Row, _ found: inout [OrderKey: OrderEvidence], _ change: (inout OrderEvidence) throws -> Void
    ) throws {
        let key = try OrderKey(row)
        var order = found[key] ?? OrderEvidence(key: key)
        // Out of the dictionary while it changes, so that its arrays aren't copied.
        found[key] = nil
        try change(&order)
        if let time = try row.get(2, as: Timestamp?.self) { order.changedAt = max(order.changedAt, time.microseconds) }
        found[key] = order
    }
}
