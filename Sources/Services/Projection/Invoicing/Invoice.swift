import JSON
import OrderflowKit
import Orders

/// What a user bought in a month: the confirmed orders of it. A pending order may still be cancelled and isn't there.
struct Invoice: Sendable {
    struct Line: Sendable {
        let orderID: String
        let createdAt: Int64
        let total: Money
        let shippingAddress: String?
        /// As JSON.
        let items: [UInt8]
    }

    let userID: String
    let name: String?
    let email: String?
    let address: String?
    /// A page of them, by the time of their creation.
    let orders: [Line]
    /// Of the whole month: one sum a currency, by its code.
    let totals: [MoneySum]
    /// Where the next page begins.
    let next: ListCursor?

    func document(_ month: InvoiceMonth) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + orders.count * 256)
        json.object { json in
            json.field("userId", userID)
            json.field("year", month.year)
            json.field("month", month.month)
            json.field("name", name)
            json.field("email", email)
            json.field("shippingAddress", address)
            json.key("orders")
            json.array { json in
                for order in orders {
                    json.object {
                        $0.field("orderId", order.orderID)
                        $0.time("createdAt", order.createdAt)
                        $0.field("items", raw: order.items)
                        $0.money("total", order.total)
                        $0.field("shippingAddress", order.shippingAddress)
                    }
                }
            }
            // The usual case is one currency; there is no sum of several.
            if totals.count <= 1 { json.money("total", totals.first ?? MoneySum(currency: .usd)) }
            json.key("totals")
            json.array { json in for total in totals { json.object { $0.money("total", total) } } }
            json.field("nextCursor", next?.encoded)
        }
        return json.bytes
    }
}

/// A month in UTC.
package struct InvoiceMonth: Hashable, Sendable {
    package let year: Int
    package let month: Int

    package init?(year: Int, month: Int) {
        guard (1...9998).contains(year), (1...12).contains(month) else { return nil }
        self.year = year
        self.month = month
    }

    /// The one of a time (RFC 3339, in UTC).
    package init?(ofTime text: String) {
        let parts = text.split(separator: "-", maxSplits: 2)
        guard parts.count == 3, let year = Int(parts[0]), let month = Int(parts[1]) else { return nil }
        self.init(year: year, month: month)
    }

    private static func start(_ year: Int, _ month: Int) -> Int64 {
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return RFC3339.microseconds("\(padded(year, 4))-\(padded(month, 2))-01T00:00:00Z") ?? 0
    }

    /// Microseconds since the Unix epoch.
    var from: Int64 { Self.start(year, month) }
    var before: Int64 { month == 12 ? Self.start(year + 1, 1) : Self.start(year, month + 1) }
}
