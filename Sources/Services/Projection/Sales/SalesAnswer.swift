import HTTPServer
import JSON
import OrderflowKit
import Orders
import Postgres

/// A question for the sales of a period, and the answer to it.
package struct SalesAnswer: Sendable {
    /// Days that one answer may cover, and lines that a page of it may have.
    static let dayLimit: Int64 = 366
    static let lineLimit = 10_000

    private let period: SalesStore.Period
    private let sku: String?
    private let cursor: SalesCursor?

    /// Throws 400 for what is no question.
    ///
    /// - Parameters:
    ///   - from, to: days in UTC such as `2026-01-31`; both belong to the period.
    ///   - sku: of the only article that is asked for; nil is all, and what they brought.
    ///   - cursor: where the page begins; nil for the first.
    package init(from: String, to: String, sku: String?, cursor: String?, tenant: String) throws(HTTPProblem) {
        let start = try Self.start(of: from, "from")
        let days = (try Self.start(of: to, "to") - start) / 86_400_000_000 + 1
        guard (1...Self.dayLimit).contains(days) else {
            throw HTTPProblem(.badRequest, detail: "from and to must be 1 to \(Self.dayLimit) days, in this order")
        }
        period = SalesStore.Period(tenant: tenant, from: from, to: to)
        self.sku = sku
        self.cursor = SalesCursor(encoded: cursor ?? "")
        if cursor != nil, self.cursor == nil {
            throw HTTPProblem(.badRequest, detail: "cursor is none that this API gave out")
        }
    }

    /// A page of it.
    package func document(on connection: Connection) throws -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        try json.object { json in
            json.field("from", period.from)
            json.field("to", period.to)
            let next = try write(into: &json, on: connection)
            json.field("nextCursor", next?.encoded)
        }
        return json.bytes
    }

    /// All articles come before all revenues, in pages that go on from one to the other. Returns where the next begins.
    private func write(into json: inout JSONWriter, on connection: Connection) throws -> SalesCursor? {
        let articles =
            cursor?.list == .revenue
            ? []
            : try SalesStore.articles(period, sku: sku, after: cursor, limit: Self.lineLimit + 1, on: connection)
        let shown = json.page("articles", articles.prefix(Self.lineLimit)) { json, line in
            json.object {
                $0.field("day", line.0.day)
                $0.field("sku", line.0.code)
                $0.field("orders", line.1.orders)
                $0.number("qty", line.1.amount)
            }
        }
        if shown < articles.count { return SalesCursor(.articles, articles[shown - 1].0) }
        // What an order cost isn't told by article.
        guard sku == nil else { return nil }
        let place = cursor?.list == .revenue ? cursor : nil
        let revenues = try SalesStore.revenues(period, after: place, limit: Self.lineLimit + 1, on: connection)
        let told = try json.page("revenue", revenues.prefix(Self.lineLimit)) { json, line in
            try json.object {
                $0.field("day", line.0.day)
                $0.field("orders", line.1.orders)
                try $0.amount("total", line.1.amount, line.0.code)
            }
        }
        return told < revenues.count ? SalesCursor(.revenue, revenues[told - 1].0) : nil
    }

    /// A day's first microsecond.
    private static func start(of day: String, _ name: String) throws(HTTPProblem) -> Int64 {
        guard day.utf8.count == 10, let start = RFC3339.microseconds("\(day)T00:00:00Z") else {
            throw HTTPProblem(.badRequest, detail: "\(name) is required, a day such as 2026-01-31")
        }
        return start
    }
}

/// A place in the lines of `GET /sales`.
struct SalesCursor: PageCursor {
    enum List: String, Sendable { case articles, revenue }

    let list: List
    let day: String
    /// Of an article or a currency.
    let code: String

    init(_ list: List, _ key: SalesSums.DayKey) {
        self.list = list
        day = key.day
        code = key.code
    }

    init?(encoded text: String) {
        guard let parts = CursorText.read(text, parts: 3), let list = List(rawValue: parts[0]),
            parts[1].utf8.count == 10, RFC3339.microseconds("\(parts[1])T00:00:00Z") != nil,
            !parts[1].hasPrefix("0000")
        else { return nil }
        self.list = list
        day = parts[1]
        code = parts[2]
    }

    var encoded: String { CursorText.write([list.rawValue, day, code]) }
}
