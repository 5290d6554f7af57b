import GraphQL
import HTTPServer
import JSON
import OrderflowKit
import Orders
import Projection

extension SchemaPart {
    /// Lists of orders, by the connection pattern of GraphQL's clients.
    static let orders = SchemaPart(
        """
        "A page of orders, the newest first. It is stable while orders come in: a cursor is a place, not a count."
        type OrderConnection {
          edges: [OrderEdge!]!
          pageInfo: PageInfo!
        }

        type OrderEdge {
          "For `after`."
          cursor: String!
          node: Order!
        }

        type PageInfo {
          "Whether there is more. A page may end before `first`, where its orders are large."
          hasNextPage: Boolean!
          "For `after`."
          endCursor: String
        }

        "Which orders; those of all members together."
        input OrderFilter {
          userId: String
          status: OrderStatus
          "Created at or after this time."
          from: DateTime
          "Created before this time."
          to: DateTime
        }
        """
    ) { resolvers in
        resolvers.json("OrderConnection", "OrderEdge", "PageInfo")
    }

    /// - Parameter limits: how many elements may be asked for.
    static func first(
        _ arguments: Arguments, _ limits: ClosedRange<Int>
    ) throws(ProblemError) -> Int {
        let first = arguments.int("first") ?? limits.upperBound
        guard limits.contains(first) else {
            throw ProblemError(
                HTTPProblem(
                    .badRequest, detail: "first must be from \(limits.lowerBound) to \(limits.upperBound)"))
        }
        return first
    }

    /// Where a page begins; nil for the first one.
    static func after<Cursor: PageCursor>(_ arguments: Arguments, _ type: Cursor.Type) throws(ProblemError) -> Cursor? {
        guard let text = arguments.string("after") else { return nil }
        guard let cursor = Cursor(encoded: text) else {
            throw ProblemError(HTTPProblem(.badRequest, detail: "after is none that this API gave out"))
        }
        return cursor
    }
}

/// A page of a connection.
struct ConnectionPage: Sendable {
    var edges: [(cursor: String, node: JSONValue)]
    var hasNextPage: Bool

    var json: JSONValue {
        let edges = edges.map { edge -> JSONValue in ["cursor": .string(edge.cursor), "node": edge.node] }
        return [
            "edges": .array(edges),
            "pageInfo": [
                "hasNextPage": .bool(hasNextPage), "endCursor": self.edges.last.map { .string($0.cursor) } ?? .null,
            ],
        ]
    }
}

/// What is asked of a list of orders besides whose they are.
struct OrderPageQuery: Hashable, Sendable {
    var status: String?
    /// Microseconds since the Unix epoch, inclusive and exclusive.
    var createdFrom: Int64?
    var createdBefore: Int64?
    let first: Int
    let after: ListCursor?

    init(_ arguments: Arguments) throws {
        first = try SchemaPart.first(arguments, QueryRoutes.listLimit)
        after = try SchemaPart.after(arguments, ListCursor.self)
        guard let filter = arguments.object("filter") else { return }
        status = filter["status"]?.string
        createdFrom = filter["from"]?.string.flatMap { RFC3339.microseconds($0) }
        createdBefore = filter["to"]?.string.flatMap { RFC3339.microseconds($0) }
    }
}

/// Pages of some users' orders that are asked for in one way.
struct CustomerOrdersKey: Hashable, Sendable {
    let userID: String
    let query: OrderPageQuery
}

extension Loaders {
    /// A page of each customer's orders: one statement for all that are asked for in one way.
    static let customerOrders = Loader<GraphQLContext, CustomerOrdersKey, JSONValue>(
        "customer orders", batchLimit: 200
    ) { keys, context in
        let reach = try context.reach(.ordersRead)
        return try await context.read { connection in
            var pages: [CustomerOrdersKey: JSONValue] = [:]
            for (query, keys) in Dictionary(grouping: keys, by: \.query) {
                let found = try OrderPageStore.pages(
                    of: keys.map(\.userID), query, tenant: reach.tenant, on: connection)
                for (key, page) in zip(keys, found) { pages[key] = page.json }
            }
            return pages
        }
    }
}
