import OrderflowKit
import Postgres

/// Orders between two keys, as stretches of which an index by tenant and id has each in one piece.
///
/// Of a comparison with both columns at once, `(tenant, id) > (…)`, the planner may give the tenant alone to an index that
/// goes on with another column, and read all of the tenant's rows for each range.
struct KeyRange {
    let last: OrderKey
    let stretches: [Stretch]

    /// Some of the range: of one tenant, or all orders of tenants between two others.
    struct Stretch {
        enum Column {
            case tenant, id
        }

        /// All of them hold of its rows.
        let terms: [(column: Column, comparison: String, bound: String)]

        var bounds: [Parameter] { terms.map { .text($0.bound) } }

        /// - Parameters:
        ///   - id: the column with the orders' ids.
        ///   - count: of the parameters before the bounds.
        func condition(on id: String, behind count: Int) -> String {
            terms.enumerated().map { index, term in
                "\(term.column == .tenant ? "tenant" : id) \(term.comparison) $\(count + 1 + index)"
            }.joined(separator: " AND ")
        }
    }

    /// From behind `first` to `last`.
    init(after first: OrderKey, through last: OrderKey) {
        self.last = last
        guard first.tenant != last.tenant else {
            stretches = [
                Stretch(terms: [(.tenant, "=", last.tenant), (.id, ">", first.orderID), (.id, "<=", last.orderID)])
            ]
            return
        }
        stretches = [
            Stretch(terms: [(.tenant, "=", first.tenant), (.id, ">", first.orderID)]),
            Stretch(terms: [(.tenant, ">", first.tenant), (.tenant, "<", last.tenant)]),
            Stretch(terms: [(.tenant, "=", last.tenant), (.id, "<=", last.orderID)]),
        ]
    }
}
