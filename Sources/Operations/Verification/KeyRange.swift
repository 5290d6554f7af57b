import OrderflowKit
import Postgres

/// Orders between two keys, as stretches of which an index by tenant and id has each in one piece.
///
/// Of a comparison with both columns at once, `(tenant, id) > (…)`, the planner may give the tenant alone to an index that
/// goes on with another column, and read all of the tenant's rows for each range.
struct KeyRange {
    let stretches: [Stretch]

    /// Some of the range: of one tenant, or all orders of tenants between two others.
    struct Stretch {
        enum Column {
            case tenant, id
        }

        typealias Term = (column: Column, comparison: String, bound: String)

        /// All of them hold of its rows.
        let terms: [Term]

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

    /// From behind `first` to `last`, or to the end.
    init(after first: OrderKey, through last: OrderKey? = nil) {
        let ofTenant: [Stretch.Term] = [(.tenant, "=", first.tenant), (.id, ">", first.orderID)]
        let ofOthers: Stretch.Term = (.tenant, ">", first.tenant)
        stretches =
            if let last, last.tenant == first.tenant {
                [Stretch(terms: ofTenant + [(.id, "<=", last.orderID)])]
            } else if let last {
                [
                    Stretch(terms: ofTenant), Stretch(terms: [ofOthers, (.tenant, "<", last.tenant)]),
                    Stretch(terms: [(.tenant, "=", last.tenant), (.id, "<=", last.orderID)]),
                ]
            } else {
                [Stretch(terms: ofTenant), Stretch(terms: [ofOthers])]
            }
    }
}
