import GraphQL

/// The schema of the shop, which `docs/schema.graphql` shows: one for all roles that answer by it.
package enum ShopSchema {
    private static let parts: [SchemaPart] = [
        .query, .mutation, .subscription, .order, .orders, .customer, .invoice, .sales, .stock, .saga, .orderEvent,
        .scalars, .costs,
    ]

    /// In the type system definition language.
    package static let text = parts.map(\.text).joined(separator: "\n\n") + "\n"

    static var resolvers: Resolvers<GraphQLContext> {
        var resolvers = Resolvers<GraphQLContext>()
        for part in parts { part.resolve(&resolvers) }
        return resolvers
    }
}
