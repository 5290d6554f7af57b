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

    /// The evidence on the next orders after `key`, by whoever knows them: at most `limit` of each table; and how far that
    /// is, or nil for the end. Databases must sort text alike, as `orderflow migrate` makes them.
    func next(after key: OrderKey, limit: Int) throws -> (orders: [OrderEvidence], last: OrderKey?) {
        let last = try tables.compactMap { try $0.key(limit, after: key) }.min()
        let range = KeyRange(after: key, through: last)
        var found: [OrderKey: OrderEvidence] = [:]
        try addFacts(range, &found)
        try addStatuses(range, &found)
        try addPayments(range, &found)
        try addMails(range, &found)
        try addViews(range, &found)
        try addSagas(range, &found)
        // What the others have of an order, the event store has had before.
        try addEvents(range, &found)
        for key in found.keys {
            if let groups = horizon.parked[OrderKey(tenant: "", orderID: key.orderID)] { found[key]?.parkedBy = groups }
        }
        return (found.values.sorted { $0.key < $1.key }, last)
    }

    // MARK: Tables

    private var tables: [EvidenceTable] {
        [events, facts, reservations, shipments, payments, mails, views] + (sagas.map { [$0] } ?? [])
    }

    /// The event store has more than orders.
    private var events: EvidenceTable {
        EvidenceTable(
            connections.orders, "events", id: "stream_id",
            rows: "category = ANY($1::text[])", [.textArray(OrderStreams.categories.sorted())])
    }

    private var facts: EvidenceTable { EvidenceTable(connections.orders, "topic_facts") }
    private var reservations: EvidenceTable { EvidenceTable(connections.inventory, "reservations") }
    private var shipments: EvidenceTable { EvidenceTable(connections.shipping, "shipments") }
    private var payments: EvidenceTable { EvidenceTable(connections.payment, "payments") }
    private var mails: EvidenceTable { EvidenceTable(connections.notification, "mails") }
    private var views: EvidenceTable { EvidenceTable(connections.views, "order_views") }

    private var sagas: EvidenceTable? {
        connections.saga.map {
            EvidenceTable($0, "saga_instances", id: "id", rows: "saga = $1", [.text(FulfilmentSaga.name)])
        }
    }

    // MARK: What each says

    private func addEvents(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let rows = try events.rows(
            in: range,
            """
            created_at, metadata->>'id', type, version, category,
            COALESCE(pg_visible_in_snapshot(txid, $2::text::pg_snapshot), false)
            """, with: [horizon.published.map { .text($0) } ?? .null], "ORDER BY tenant, stream_id, version")
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

    private func addFacts(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let rows = try facts.rows(
            in: range,
            """
            NULL::timestamptz, id, min(type), count(*), min(stream_version), min(detail), max(partition), min("offset"),
            min(plain_id), min(topic)
            """, "GROUP BY tenant, order_id, id")
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

    private func addStatuses(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        for row in try reservations.rows(in: range, "updated_at, status") {
            try note(row, &found) { $0.reservation = try row.get(3, as: String.self) }
        }
        for row in try shipments.rows(in: range, "updated_at, status") {
            try note(row, &found) { $0.shipment = try row.get(3, as: String.self) }
        }
    }

    private func addPayments(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        for row in try payments.rows(in: range, "updated_at, status, charge_reference, refund_reference") {
            try note(row, &found) { order in
                order.payment = OrderEvidence.Payment(
                    status: try row.get(3, as: String.self), chargeReference: try row.get(4, as: String?.self),
                    refundReference: try row.get(5, as: String?.self))
            }
        }
    }

    private func addMails(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        for row in try mails.rows(in: range, "COALESCE(sent_at, created_at), kind, status, error") {
            try note(row, &found) { order in
                order.mails.append(
                    OrderEvidence.Mail(
                        kind: try row.get(3, as: String.self), status: try row.get(4, as: String.self),
                        error: try row.get(5, as: String?.self)))
            }
        }
    }

    private func addViews(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        let columns = "NULL::timestamptz, status, \(OrderViewPieces.columns(of: "order_views"))"
        for row in try views.rows(in: range, columns) {
            let view = try OrderView(OrderViewPieces(row, at: 4))
            try note(row, &found) { order in
                order.view = OrderEvidence.View(
                    status: try row.get(3, as: String.self), facts: Set(view.timeline.map(\.identity)),
                    toldAt: view.timeline.map(\.at).max() ?? 0)
            }
        }
    }

    private func addSagas(_ range: KeyRange, _ found: inout [OrderKey: OrderEvidence]) throws {
        for row in try sagas?.rows(in: range, "updated_at, status, attention") ?? [] {
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
