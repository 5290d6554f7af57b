import GraphQL
import JSON

extension SchemaPart {
    static let stock = SchemaPart(
        """
        "How many pieces of an article there are."
        type StockLevel {
          sku: String!
          "In the store, those reserved for orders included."
          onHand: Long!
          reserved: Long!
          available: Long!
          "Shipped so far."
          consumed: Long!
        }
        """
    ) { resolvers in
        resolvers.json("StockLevel")
    }
}

extension Loaders {
    /// Levels by article, from the inventory role, within its deadline.
    static let stock = Loader<GraphQLContext, String, JSONValue>(
        "stock", batchLimit: 20,
        partial: { skus, context in
            await context.links.stock(of: skus, for: context.caller)
        })
}
