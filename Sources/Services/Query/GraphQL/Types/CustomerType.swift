import GraphQL
import JSON
import OrderflowKit
import Projection

extension SchemaPart {
    static let customer = SchemaPart(
        """
        "Who orders: what was said of the user, and sums over the orders."
        type Customer {
          userId: String!
          name: String
          email: String
          "The address of the account."
          shippingAddress: String
          orderCount: Long!
          confirmedCount: Long!
          cancelledCount: Long!
          firstOrderAt: DateTime
          lastOrderAt: DateTime
          "Of confirmed orders: a sum for each currency."
          spend: [Amount!]! @listSize(assumedSize: 2)
          "The customer's orders, the newest first, as `Query.orders` gives them."
          orders(first: Int! = 20, after: String, filter: CustomerOrderFilter): OrderConnection
            @listSize(slicingArguments: ["first"], sizedFields: ["edges"])
        }

        "A sum in one currency."
        type Amount {
          total: Decimal!
          "An ISO 4217 code."
          currency: String!
        }

        "Which of a customer's orders; those of all members together."
        input CustomerOrderFilter {
          status: OrderStatus
          "Created at or after this time."
          from: DateTime
          "Created before this time."
          to: DateTime
        }
        """
    ) { resolvers in
        resolvers.json("Customer", "Amount")
        resolvers.object("Customer", JSONValue.self) { customer in
            customer.field("orders") { customer, call in
                let userID = try customer.userID
                try call.context.reach(.ordersRead, of: userID)
                return call.load(
                    Loaders.customerOrders, CustomerOrdersKey(userID: userID, query: try OrderPageQuery(call.arguments))
                )
            }
        }
    }
}

extension Loaders {
    /// Customers by their users' ids. Who is known by nothing but an order isn't there until the order is counted.
    static let customers = Loader<GraphQLContext, String, JSONValue>("customers") { users, context in
        try await context.read { connection in
            try CustomerProfiles.load(users, tenant: context.tenant, on: connection)
        }
    }
}
