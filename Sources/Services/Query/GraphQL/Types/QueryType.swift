import GraphQL
import HTTPServer
import JSON
import OrderflowKit
import Projection

extension SchemaPart {
    static let query = SchemaPart(
        """
        "What can be asked. A field whose right the caller lacks is null, with an error whose `extensions.code` is `FORBIDDEN`."
        type Query {
          "An order; null where there is none. Needs `orders:read`, or `orders:read:own` for the caller's own."
          order(id: ID!): Order
          "Orders, the newest first. Needs `orders:read`, or `orders:read:own` for the caller's own."
          orders(first: Int! = 50, after: String, filter: OrderFilter): OrderConnection
            @listSize(slicingArguments: ["first"], sizedFields: ["edges"])
          "A customer; null for who is known by nothing yet. Needs `reports:read`."
          customer(userId: String!): Customer
          "A user's invoice of a month; null where nothing is known of the user. Needs `reports:read`."
          invoice(userId: String!, year: Int!, month: Int!): Invoice
          "Sales of up to 366 days, both of which belong to the period. Needs `reports:read`."
          sales(from: Date!, to: Date!, sku: String, after: String): Sales @cost(weight: 5)
          "An article's stock; null where it isn't counted. Needs `stock:read`."
          stock(sku: String!): StockLevel @cost(weight: 5)
        }
        """
    ) { resolvers in
        resolvers.root("Query") { query in
            query.field("order") { _, call in
                _ = try call.context.reach(.ordersRead)
                return call.load(Loaders.orders, call.arguments.string("id") ?? "")
            }
            query.async("orders") { _, call in try await orders(call) }
            query.field("customer") { _, call in
                try call.context.demand(.reportsRead)
                return call.load(Loaders.customers, call.arguments.string("userId") ?? "")
            }
            query.field("invoice") { _, call in
                try call.context.demand(.reportsRead)
                let key = InvoiceKey(
                    userID: call.arguments.string("userId") ?? "", month: try InvoiceMonth(call.arguments))
                return call.load(Loaders.invoices, key)
            }
            query.async("sales") { _, call in try await sales(call) }
            query.field("stock") { _, call in
                try call.context.demand(.stockRead)
                return call.load(Loaders.stock, call.arguments.string("sku") ?? "")
            }
        }
    }

    private static func orders(_ call: FieldCall<GraphQLContext>) async throws -> JSONValue {
        let user = call.arguments.object("filter")?["userId"]?.string
        let reach = try user.map { try call.context.reach(.ordersRead, of: $0) } ?? call.context.reach(.ordersRead)
        let query = try OrderPageQuery(call.arguments)
        return try await call.context.read { connection in
            if let user = user ?? reach.userID {
                let pages = try OrderPageStore.pages(of: [user], query, tenant: reach.tenant, on: connection)
                return pages.first?.json ?? ConnectionPage(edges: [], hasNextPage: false).json
            }
            return try OrderPageStore.page(query, within: reach, on: connection).json
        }
    }

    private static func sales(_ call: FieldCall<GraphQLContext>) async throws -> JSONValue {
        try call.context.demand(.reportsRead)
        let arguments = call.arguments
        let period: SalesAnswer
        do {
            period = try SalesAnswer(
                from: arguments.string("from") ?? "", to: arguments.string("to") ?? "", sku: arguments.string("sku"),
                cursor: arguments.string("after"), tenant: call.context.tenant)
        } catch {
            throw ProblemError(error)
        }
        return try await call.context.read { try JSONValue(parsing: try period.document(on: $0)) }
    }
}
