import GraphQL
import HTTPServer
import JSON
import OrderflowKit
import Projection

extension SchemaPart {
    static let invoice = SchemaPart(
        """
        "What a user bought in a month (in UTC): the confirmed orders of it."
        type Invoice {
          userId: String!
          year: Int!
          month: Int!
          name: String
          email: String
          shippingAddress: String
          "Of the whole month: a sum for each currency."
          totals: [Amount!]! @listSize(assumedSize: 2)
          "The orders, the oldest first."
          orders(first: Int! = 100, after: String): InvoiceOrderConnection
            @listSize(slicingArguments: ["first"], sizedFields: ["edges"])
        }

        type InvoiceOrderConnection {
          edges: [InvoiceOrderEdge!]!
          pageInfo: PageInfo!
        }

        type InvoiceOrderEdge {
          "For `after`."
          cursor: String!
          node: InvoiceOrder!
        }

        type InvoiceOrder {
          orderId: ID!
          createdAt: DateTime!
          items: [OrderItem!]! @listSize(assumedSize: 10)
          total: Decimal!
          "Of `total`: an ISO 4217 code."
          currency: String!
          shippingAddress: String
        }
        """
    ) { resolvers in
        resolvers.json("Invoice", "InvoiceOrderConnection", "InvoiceOrderEdge", "InvoiceOrder")
        resolvers.object("Invoice", JSONValue.self) { invoice in
            invoice.field("orders") { invoice, call in
                guard let month = InvoiceMonth(ofInvoice: invoice) else { throw MissingMember(name: "month") }
                let page = InvoicePageKey(
                    invoice: InvoiceKey(userID: try invoice.userID, month: month),
                    first: try first(call.arguments, InvoiceRoutes.listLimit),
                    after: try after(call.arguments, ListCursor.self))
                return call.load(Loaders.invoiceOrders, page)
            }
        }
    }
}

extension InvoiceMonth {
    fileprivate init?(ofInvoice invoice: JSONValue) {
        guard let year = invoice["year"]?.int64, let month = invoice["month"]?.int64 else { return nil }
        self.init(year: Int(year), month: Int(month))
    }

    /// From the arguments of `Query.invoice`.
    init(_ arguments: Arguments) throws(ProblemError) {
        guard let year = arguments.int("year"), let number = arguments.int("month"),
            let month = InvoiceMonth(year: year, month: number)
        else {
            throw ProblemError(HTTPProblem(.badRequest, detail: "year must be from 1 to 9998, month from 1 to 12"))
        }
        self = month
    }
}

/// A page of an invoice's orders.
struct InvoicePageKey: Hashable, Sendable {
    let invoice: InvoiceKey
    let first: Int
    let after: ListCursor?
}

extension Loaders {
    /// Invoices of users and months.
    static let invoices = Loader<GraphQLContext, InvoiceKey, JSONValue>("invoices") { keys, context in
        try await context.read { connection in
            try InvoiceBatch.invoices(keys, tenant: context.tenant, on: connection)
        }
    }

    /// Pages of invoices' orders: one statement for all that are asked for in one way.
    static let invoiceOrders = Loader<GraphQLContext, InvoicePageKey, JSONValue>("invoice orders", batchLimit: 200) {
        keys, context in
        try await context.read { connection in
            var pages: [InvoicePageKey: JSONValue] = [:]
            for (way, keys) in Dictionary(grouping: keys, by: { PageWay(first: $0.first, after: $0.after) }) {
                let found = try InvoiceBatch.orders(
                    of: keys.map(\.invoice), first: way.first, after: way.after, tenant: context.tenant,
                    on: connection)
                for (key, page) in zip(keys, found) {
                    pages[key] = ConnectionPage(edges: page.orders, hasNextPage: page.hasNextPage).json
                }
            }
            return pages
        }
    }

    private struct PageWay: Hashable {
        let first: Int
        let after: ListCursor?
    }
}
