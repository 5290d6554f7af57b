import JSON

/// A document that was parsed and found valid for a schema. Immutable: it may be kept by its hash and executed by many
/// requests at once.
public struct PreparedDocument: Sendable {
    public let document: Document
    let schema: Schema
    let fragments: [String: FragmentDefinition]
    let costLimit: Int

    /// The operation of that name; of the only one where no name is given (section 6.1, GetOperation).
    public func operation(named name: String?) throws(GraphQLError) -> OperationDefinition {
        let operations = document.operations
        guard let name else {
            guard let only = operations.first else {
                throw GraphQLError("Must provide an operation.", code: "OPERATION_RESOLUTION_FAILURE")
            }
            guard operations.count == 1 else {
                throw GraphQLError(
                    "Must provide operation name if query contains multiple operations.",
                    code: "OPERATION_RESOLUTION_FAILURE")
            }
            return only
        }
        guard let named = operations.first(where: { $0.name?.text == name }) else {
            throw GraphQLError("Unknown operation named '\(name)'.", code: "OPERATION_RESOLUTION_FAILURE")
        }
        return named
    }
}

/// Bounds of what a document may ask. Errors name the limit and the value.
public struct DocumentLimits: Hashable, Sendable {
    /// Tokens of the text; more end the parser.
    public var tokens = 5_000
    /// Levels of selections and of values within each other.
    public var depth = 15
    /// Fields of an operation's root, fragments included.
    public var rootFields = 20
    /// Aliases in a document.
    public var aliases = 100
    /// Cost of an operation (`@cost`, `@listSize`), judged when the variables are known, before it is executed.
    public var cost = 10_000
    /// `__schema` and `__type` may be asked; lists within lists no more than twice, for each level is as many times more.
    public var introspection = true
    /// Validation ends after so many errors.
    public var errors = 100

    public init() {}
}
