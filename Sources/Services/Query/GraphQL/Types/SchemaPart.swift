import GraphQL

/// Some types of the schema: their text in the type system definition language, and how their fields are resolved.
struct SchemaPart: Sendable {
    let text: String
    let resolve: @Sendable (inout Resolvers<GraphQLContext>) -> Void

    /// - Parameters:
    ///   - text: definitions, without a blank line around them.
    ///   - resolve: declares the resolvers of their fields.
    init(_ text: String, resolve: @escaping @Sendable (inout Resolvers<GraphQLContext>) -> Void = { _ in }) {
        self.text = text
        self.resolve = resolve
    }
}
