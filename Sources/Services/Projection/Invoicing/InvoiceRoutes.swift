import HTTPServer
import OrderflowKit
import Postgres

/// `GET /invoices?user_id=&month=&year=&limit=&cursor=`, from the read model of invoices.
public struct InvoiceRoutes: Sendable {
    private let views: ConnectionPool

    public static let listLimit = 1...1000

    /// - Parameter views: connections to the database of the read models.
    public init(views: ConnectionPool) {
        self.views = views
    }

    public var routes: Routes {
        Routes(needing: .reportsRead, .noCache) { Get("/invoices", from: views) { try invoice($0, $1) } }
    }

    private func invoice(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        guard let userID = try request.query("user_id"), !userID.isEmpty else {
            throw HTTPProblem(.badRequest, detail: "user_id is required")
        }
        guard let year = try request.query("year", as: Int.self),
            let number = try request.query("month", as: Int.self),
            let month = InvoiceMonth(year: year, month: number)
        else { throw HTTPProblem(.badRequest, detail: "year (2026) and month (1 to 12) are required") }
        let limit = try request.limit(Self.listLimit, default: Self.listLimit.upperBound)
        let cursor = try request.cursor(ListCursor.self)
        return PooledAnswer { connection in
            let invoice = try InvoiceStore.invoice(
                tenant: context.tenant, userID: userID, from: month.from, before: month.before, after: cursor,
                limit: limit,
                on: connection)
            guard let invoice else {
                throw HTTPProblem(.notFound, detail: "nothing is known of a user \(userID)")
            }
            return .json(.ok, invoice.document(month))
        }
    }
}
