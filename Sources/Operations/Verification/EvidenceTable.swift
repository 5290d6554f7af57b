import OrderflowKit
import Postgres

/// A table that knows something of orders, with an index by tenant and order. Read by ranges of their keys.
struct EvidenceTable {
    private let connection: Connection
    private let name: String
    /// The column with the orders' ids.
    private let id: String
    /// Which rows are about orders, and the parameters of that condition from `$1` on.
    private let condition: String
    private let own: [Parameter]

    init(
        _ connection: Connection, _ name: String, id: String = "order_id", rows condition: String = "true",
        _ own: [Parameter] = []
    ) {
        self.connection = connection
        self.name = name
        self.id = id
        self.condition = condition
        self.own = own
    }

    /// The `count`th order after `key`; nil where there are fewer.
    func key(_ count: Int, after key: OrderKey) throws -> OrderKey? {
        var parameters = own
        let some = KeyRange(after: key).stretches.map { stretch in
            let isInStretch = stretch.condition(on: id, behind: parameters.count)
            parameters += stretch.bounds
            return """
                (SELECT DISTINCT tenant, \(id) AS id FROM \(name) WHERE \(condition) AND \(isInStretch)
                ORDER BY tenant, id LIMIT \(count))
                """
        }
        return try connection.query(
            "\(some.joined(separator: " UNION ALL ")) ORDER BY tenant, id OFFSET \(count - 1) LIMIT 1", parameters
        ).first.map { try OrderKey($0) }
    }

    /// Tenant, order and `columns` of a range's rows.
    ///
    /// - Parameters:
    ///   - more: the columns' parameters, behind those of the table's own condition.
    ///   - clauses: behind the condition.
    func rows(
        in range: KeyRange, _ columns: String, with more: [Parameter] = [], _ clauses: String = ""
    ) throws -> [Row] {
        let before = own + more
        return try range.stretches.flatMap { stretch in
            try connection.query(
                """
                SELECT tenant, \(id), \(columns) FROM \(name)
                WHERE \(condition) AND \(stretch.condition(on: id, behind: before.count)) \(clauses)
                """, before + stretch.bounds)
        }
    }
}
