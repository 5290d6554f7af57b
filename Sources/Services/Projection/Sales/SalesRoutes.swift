import HTTPServer
import JSON
import OrderflowKit
import Orders
import Postgres

/// `GET /customers/{userId}` and `GET /sales`, from the read models of sales.
public struct SalesRoutes: Sendable {
    private let views: ConnectionPool

    /// Days that one answer may cover, and lines that a page of it may have.
    static let dayLimit: Int64 = 366
    static let lineLimit = 10_000

    /// - Parameter views: connections to the database of the read models.
    public init(views: ConnectionPool) {
        self.views = views
    }

    public var routes: Routes {
        Routes(needing: .reportsRead, .noCache) {
            Get("/customers/:userId", from: views) { request, context in
                customer(request.pathParameter("userId"), of: context.tenant)
            }
            // For a user whose id clients can't put into a path: they take `..` for a way up.
            Get("/customers", from: views) { request, context in
                guard let userID = try request.query("user_id"), !userID.isEmpty else {
                    throw HTTPProblem(.badRequest, detail: "user_id is required")
                }
                return customer(userID, of: context.tenant)
            }
            Get("/sales", from: views) { try sales($0, $1) }
        }
    }

    // MARK: GET /customers/{userId}

    private func customer(_ userID: String, of tenant: String) -> PooledAnswer {
        PooledAnswer { connection in
            let rows = try SalesStore.customer(tenant: tenant, userID: userID, on: connection)
            guard !rows.isEmpty else { throw HTTPProblem(.notFound, detail: "\(userID) has not ordered yet") }
            var json = JSONWriter()
            try json.object { json in
                json.field("userId", userID)
                json.number("orders", rows.reduce(0) { $0 + Int128($1.totals.orders) })
                json.number("confirmed", rows.reduce(0) { $0 + Int128($1.totals.confirmed) })
                json.number("cancelled", rows.reduce(0) { $0 + Int128($1.totals.cancelled) })
                json.time("firstOrderAt", rows.reduce(.max) { min($0, $1.totals.firstAt) })
                json.time("lastOrderAt", rows.reduce(.min) { max($0, $1.totals.lastAt) })
                // Of confirmed orders.
                json.key("spend")
                try json.array { json in
                    for (currency, totals) in rows {
                        try json.object { try $0.amount("total", totals.spend, currency) }
                    }
                }
            }
            return HTTPResponse.json(.ok, json.bytes)
        }
    }

    // MARK: GET /sales

    private func sales(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let sku = try request.query("sku")
        let from = try Self.day(request, "from")
        let to = try Self.day(request, "to")
        let days = (to.start - from.start) / 86_400_000_000 + 1
        guard (1...Self.dayLimit).contains(days) else {
            throw HTTPProblem(.badRequest, detail: "from and to must be 1 to \(Self.dayLimit) days, in this order")
        }
        let period = SalesStore.Period(tenant: context.tenant, from: from.text, to: to.text)
        let cursor = try request.cursor(SalesCursor.self)
        return PooledAnswer { connection in
            var json = JSONWriter(capacity: 1024)
            try json.object { json in
                json.field("from", period.from)
                json.field("to", period.to)
                let next = try Self.write(period, sku: sku, after: cursor, into: &json, on: connection)
                json.field("nextCursor", next?.encoded)
            }
            return HTTPResponse.json(.ok, json.bytes)
        }
    }

    /// All articles come before all revenues, in pages that go on from one to the other. Returns where the next begins.
    private static func write(
        _ period: SalesStore.Period, sku: String?, after cursor: SalesCursor?, into json: inout JSONWriter,
        on connection: Connection
    ) throws -> SalesCursor? {
        let articles =
            cursor?.list == .revenue
            ? []
            : try SalesStore.articles(period, sku: sku, after: cursor, limit: lineLimit + 1, on: connection)
        let shown = json.page("articles", articles.prefix(lineLimit)) { json, line in
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
        let revenues = try SalesStore.revenues(period, after: place, limit: lineLimit + 1, on: connection)
        let told = try json.page("revenue", revenues.prefix(lineLimit)) { json, line in
            try json.object {
                $0.field("day", line.0.day)
                $0.field("orders", line.1.orders)
                try $0.amount("total", line.1.amount, line.0.code)
            }
        }
        return told < revenues.count ? SalesCursor(.revenue, revenues[told - 1].0) : nil
    }

    /// A day in UTC, `2026-01-31`, and its first microsecond.
    private static func day(
        _ request: borrowing HTTPRequest, _ name: String
    ) throws(HTTPProblem) -> (text: String, start: Int64) {
        guard let text = try request.query(name), text.utf8.count == 10,
            let start = RFC3339.microseconds("\(text)T00:00:00Z")
        else { throw HTTPProblem(.badRequest, detail: "\(name) is required, a day such as 2026-01-31") }
        return (text, start)
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

extension JSONWriter {
    fileprivate mutating func amount(_ name: StaticString, _ minorUnits: Int128, _ currency: String) throws {
        money(name, MoneySum(minorUnits: minorUnits, currency: try Currency(stored: currency)))
    }

    fileprivate mutating func number(_ name: StaticString, _ number: Int128) {
        field(name, raw: String(number).utf8)
    }
}
