/// A type system (specification, section 3). Immutable.
public struct Schema: Sendable {
    public let description: String?
    /// By name, the specification's own included.
    public let types: [String: TypeDefinition]
    /// In the order of the text.
    public let typeNames: [String]
    public let directives: [DirectiveDefinition]
    public let queryType: String
    public let mutationType: String?
    public let subscriptionType: String?
}
