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
    enum Stretch {
        case after(OrderKey)
        case within(tenant: String, after: String, through: String)
        case between(tenant: String, and: String)
        case through(OrderKey)

        var bounds: [Parameter] {
            switch self {
            case .after(let key), .through(let key): [.text(key.tenant), .text(key.orderID)]
            case .within(let tenant, let low, let high): [.text(tenant), .text(low), .text(high)]
            case .between(let low, let high): [.text(low), .text(high)]
            }
        }

        /// - Parameters:
        ///   - id: the column with the orders' ids.
        ///   - count: of the parameters before the bounds.
        func condition(on id: String, behind count: Int) -> String {
            let (first, second, third) = ("$\(count + 1)", "$\(count + 2)", "$\(count + 3)")
            return switch self {
            case .after: "tenant = \(first) AND \(id) > \(second)"
            case .within: "tenant = \(first) AND \(id) > \(second) AND \(id) <= \(third)"
            case .between: "tenant > \(first) AND tenant < \(second)"
            case .through: "tenant = \(first) AND \(id) <= \(second)"
            }
        }
    }

    /// From behind `first` to `last`.
    init(after first: OrderKey, through last: OrderKey) {
        self.last = last
        stretches =
            first.tenant == last.tenant
            ? [.within(tenant: last.tenant, after: first.orderID, through: last.orderID)]
            : [.after(first), .between(tenant: first.tenant, and: last.tenant), .through(last)]
    }
}
