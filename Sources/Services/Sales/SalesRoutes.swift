import HTTPServer
import JSON
import Logging
import Orders
import Postgres

/// `GET /customers/{userId}` and `GET /sales`, from the read models of sales.
public struct SalesRoutes: Sendable {
    private let views: ConnectionPool
    private let logger: Logger

    /// Days that one answer may cover, and lines that it may have.
    static let dayLimit: Int64 = 366
    static let lineLimit = 10_000

    /// - Parameter views: connections to the database of the read models.
    public init(views: ConnectionPool, logger: Logger) {
        self.views = views
        self.logger = logger
    }

    public func add(to router: inout Router) {
        router.on(.get, "/customers/:userId") { try customer($0, $1) }
        router.on(.get, "/sales") { try sales($0, $1) }
    }

    // MARK: GET /customers/{userId}

    private func customer(_ request: borrowing HTTPRequest, _ responder: Responder) throws {
        let context = try RequestContext(request)
        let tenant = context.tenant
        let userID = request.pathParameter("userId")
        PooledAnswer.send(responder, from: views, logger: logger, fields: context.requestFields) { connection in
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
            return HTTPResponse.json(.ok, json.bytes, headers: [HTTPHeader("Cache-Control", "no-cache")])
        }
    }

    // MARK: GET /sales

    private func sales(_ request: borrowing HTTPRequest, _ responder: Responder) throws {
        let context = try RequestContext(request)
        let tenant = context.tenant
        let sku = try request.query("sku")
        let from = try Self.day(request, "from")
        let to = try Self.day(request, "to")
        let days = (to.start - from.start) / 86_400_000_000 + 1
        guard (1...Self.dayLimit).contains(days) else {
            throw HTTPProblem(.badRequest, detail: "from and to must be 1 to \(Self.dayLimit) days, in this order")
        }
        let period = SalesStore.Period(tenant: tenant, from: from.text, to: to.text)
        PooledAnswer.send(responder, from: views, logger: logger, fields: context.requestFields) { connection in
            let articles = try SalesStore.articles(period, sku: sku, limit: Self.lineLimit + 1, on: connection)
            // What an order cost isn't told by article.
            let revenues = sku == nil ? try SalesStore.revenues(period, on: connection) : []
            var json = JSONWriter(capacity: 256 + articles.count * 64)
            try json.object { json in
                json.field("from", period.from)
                json.field("to", period.to)
                json.key("articles")
                json.array { json in
                    for (key, day) in articles.prefix(Self.lineLimit) {
                        json.object {
                            $0.field("day", key.day)
                            $0.field("sku", key.code)
                            $0.field("orders", day.orders)
                            $0.number("qty", day.amount)
                        }
                    }
                }
                // Ask for fewer days, or for one article.
                if articles.count > Self.lineLimit { json.field("truncated", true) }
                guard sku == nil else { return }
                json.key("revenue")
                try json.array { json in
                    for (key, day) in revenues {
                        try json.object {
                            $0.field("day", key.day)
                            $0.field("orders", day.orders)
                            try $0.amount("total", day.amount, key.code)
                        }
                    }
                }
            }
            return HTTPResponse.json(.ok, json.bytes, headers: [HTTPHeader("Cache-Control", "no-cache")])
        }
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

extension JSONWriter {
    fileprivate mutating func amount(_ name: StaticString, _ minorUnits: Int128, _ currency: String) throws {
        money(name, MoneySum(minorUnits: minorUnits, currency: try Currency(stored: currency)))
    }

    fileprivate mutating func number(_ name: StaticString, _ number: Int128) {
        field(name, raw: String(number).utf8)
    }
}
