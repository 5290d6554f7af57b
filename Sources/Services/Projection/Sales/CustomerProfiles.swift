import JSON
import Orders
import Postgres

/// Customers as a whole: sums over their orders, and what was said of them as users.
package enum CustomerProfiles {
    /// Documents by the users' ids; who neither has ordered nor is a known user isn't there. Two statements, however many
    /// are asked for.
    package static func load(
        _ userIDs: [String], tenant: String, on connection: Connection
    ) throws -> [String: JSONValue] {
        let sums = try SalesStore.customers(tenant: tenant, userIDs: userIDs, on: connection)
        let said = try InvoiceStore.recipients(tenant: tenant, userIDs: userIDs, on: connection)
        var found: [String: JSONValue] = [:]
        for userID in userIDs where sums[userID] != nil || said[userID] != nil {
            found[userID] = try profile(userID, sums[userID] ?? [], said[userID])
        }
        return found
    }

    private static func profile(
        _ userID: String, _ sums: [(currency: String, totals: SalesSums.Customer)], _ said: InvoiceStore.Recipient?
    ) throws -> JSONValue {
        var profile: JSONObject = [
            "userId": .string(userID), "name": JSONValue(said?.name), "email": JSONValue(said?.email),
            "shippingAddress": JSONValue(said?.address),
        ]
        profile["orderCount"] = .sum(of: sums.map(\.totals.orders))
        profile["confirmedCount"] = .sum(of: sums.map(\.totals.confirmed))
        profile["cancelledCount"] = .sum(of: sums.map(\.totals.cancelled))
        if let first = sums.map(\.totals.firstAt).min() { profile["firstOrderAt"] = .string(RFC3339.text(first)) }
        if let last = sums.map(\.totals.lastAt).max() { profile["lastOrderAt"] = .string(RFC3339.text(last)) }
        profile["spend"] = .array(
            try sums.map { currency, totals in
                MoneySum(minorUnits: totals.spend, currency: try Currency(stored: currency)).json
            })
        return .object(profile)
    }
}

extension JSONValue {
    init(_ text: String?) { self = text.map { .string($0) } ?? .null }

    /// Of whatever size.
    fileprivate static func sum(of numbers: [Int64]) -> JSONValue {
        JSONNumber(String(numbers.reduce(Int128(0)) { $0 + Int128($1) })).map { .number($0) } ?? .null
    }
}

extension MoneySum {
    /// All digits, as text.
    var json: JSONValue {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return [
            "total": .string(String(decoding: bytes, as: UTF8.self)), "currency": .string(currency.code),
        ]
    }
}
