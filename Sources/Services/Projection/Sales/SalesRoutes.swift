import HTTPServer
import JSON
import OrderflowKit
import Orders
import Postgres

/// `GET /customers/{userId}` and `GET /sales`, from the read models of sales.
public struct SalesRoutes: Sendable {
    private let views: ConnectionPool

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
        let answer = try SalesAnswer(
            from: request.query("from") ?? "", to: request.query("to") ?? "", sku: request.query("sku"),
            cursor: request.query("cursor"), tenant: context.tenant)
        return PooledAnswer { connection in .json(.ok, try answer.document(on: connection)) }
    }
}

extension JSONWriter {
    mutating func amount(_ name: StaticString, _ minorUnits: Int128, _ currency: String) throws {
        money(name, MoneySum(minorUnits: minorUnits, currency: try Currency(stored: currency)))
    }

    mutating func number(_ name: StaticString, _ number: Int128) {
        field(name, raw: String(number).utf8)
    }
}
