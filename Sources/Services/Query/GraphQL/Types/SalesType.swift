import GraphQL
import HTTPServer
import JSON
import Projection

extension SchemaPart {
    static let sales = SchemaPart(
        """
        "What was sold in a period, by day and article, and what it brought, by day and currency; both of confirmed orders, by the day of their creation."
        type Sales {
          from: Date!
          to: Date!
          articles: [ArticleSales!]! @listSize(assumedSize: 100)
          "Empty where one article is asked for: what an order cost isn't told by article."
          revenue: [Revenue!]! @listSize(assumedSize: 50)
          "For `after`; null where this is all."
          endCursor: String
        }

        type ArticleSales {
          day: Date!
          sku: String!
          orders: Long!
          qty: Long!
        }

        type Revenue {
          day: Date!
          orders: Long!
          total: Decimal!
          "Of `total`: an ISO 4217 code."
          currency: String!
        }
        """
    ) { resolvers in
        resolvers.json("Sales", "ArticleSales", "Revenue")
        resolvers.object("Sales", JSONValue.self) { sales in
            for list in ["articles", "revenue"] { sales.field(list) { sales, _ in sales[list] ?? [] } }
            sales.field("endCursor") { sales, _ in sales["nextCursor"] ?? .null }
        }
    }
}
