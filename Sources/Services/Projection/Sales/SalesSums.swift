import JSON
import Orders

/// What purchases add up to; also the difference that a batch makes.
struct SalesSums: Hashable, Sendable {
    struct CustomerKey: Hashable, Sendable, Comparable {
        let tenant: String
        let userID: String
        let currency: String

        static func < (a: CustomerKey, b: CustomerKey) -> Bool {
            (a.tenant, a.userID, a.currency) < (b.tenant, b.userID, b.currency)
        }
    }

    struct Customer: Hashable, Sendable {
        var orders: Int64 = 0
        var confirmed: Int64 = 0
        var cancelled: Int64 = 0
        /// Of confirmed orders, in minor units; wide enough for any number of them, as the columns are.
        var spend: Int128 = 0
        var firstAt = Int64.max
        var lastAt = Int64.min
    }

    struct DayKey: Hashable, Sendable, Comparable {
        let tenant: String
        /// In UTC, `2026-01-31`.
        let day: String
        /// Of an article or a currency.
        let code: String

        static func < (a: DayKey, b: DayKey) -> Bool { (a.tenant, a.day, a.code) < (b.tenant, b.day, b.code) }
    }

    struct Day: Hashable, Sendable {
        var orders: Int64 = 0
        /// Pieces of an article, or minor units of a currency.
        var amount: Int128 = 0
    }

    private(set) var customers: [CustomerKey: Customer] = [:]
    /// Of confirmed orders, by the day of their creation.
    private(set) var articles: [DayKey: Day] = [:]
    private(set) var revenues: [DayKey: Day] = [:]

    /// - Parameter times: 1, or -1 to take it away again.
    mutating func add(_ purchase: Purchase, _ times: Int64) {
        // Nothing is known of it but that it was confirmed or cancelled.
        guard let order = purchase.order else { return }
        let tenant = purchase.key.tenant
        let currency = order.total.currency.code
        let isConfirmed = purchase.status == .confirmed
        var customer = customers[
            CustomerKey(tenant: tenant, userID: order.userID, currency: currency), default: Customer()]
        customer.orders += times
        customer.confirmed += isConfirmed ? times : 0
        customer.cancelled += purchase.status == .cancelled ? times : 0
        let amount = Int128(times) * Int128(order.total.minorUnits)
        customer.spend += isConfirmed ? amount : 0
        customer.firstAt = min(customer.firstAt, order.createdAt)
        customer.lastAt = max(customer.lastAt, order.createdAt)
        customers[CustomerKey(tenant: tenant, userID: order.userID, currency: currency)] = customer
        guard isConfirmed else { return }
        let day = String(RFC3339.text(order.createdAt).prefix(10))
        revenues[DayKey(tenant: tenant, day: day, code: currency), default: Day()].add(times, amount)
        // An order may name an article on several lines, and is one order of it all the same.
        for (sku, lines) in Dictionary(grouping: order.items, by: \.sku) {
            articles[DayKey(tenant: tenant, day: day, code: sku), default: Day()].add(
                times, Int128(times) * lines.reduce(0) { $0 + Int128($1.quantity) })
        }
    }
}

extension SalesSums.Day {
    fileprivate mutating func add(_ orders: Int64, _ amount: Int128) {
        self.orders += orders
        self.amount += amount
    }
}
