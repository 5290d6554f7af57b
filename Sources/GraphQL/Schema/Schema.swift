/// A type system (specification, section 3). Immutable, and valid: what was not is no `Schema`.
public struct Schema: Sendable {
    public let description: String?
    /// By name, the specification's own included.
    public let types: [String: TypeDefinition]
    /// In the order of the text, the specification's own at the end.
    public let typeNames: [String]
    public let directives: [DirectiveDefinition]
    public let queryType: String
    public let mutationType: String?
    public let subscriptionType: String?
    /// Of the scalars, by name.
    let scalars: [String: ScalarCoercion]
    private let directiveIndex: [String: Int]
    /// The object types that an interface or union may be, in order.
    private let possible: [String: [String]]
    private let possibleSets: [String: Set<String>]

    /// Reads a schema from the definition language.
    ///
    /// - Parameter scalars: how values of custom scalars are checked; those without pass as they are.
    ///
    /// Throws all that is wrong with it (section 3's "Type Validation").
    public init(_ text: String, scalars: [String: ScalarCoercion] = [:]) throws(SchemaErrors) {
        var builder = SchemaBuilder()
        let parts = try builder.build(text)
        description = parts.description
        types = parts.types
        typeNames = parts.typeNames
        directives = parts.directives
        queryType = parts.roots[.query] ?? ""
        mutationType = parts.roots[.mutation]
        subscriptionType = parts.roots[.subscription]
        self.scalars = ScalarCoercion.builtIn.merging(scalars) { _, new in new }
        directiveIndex = Dictionary(
            directives.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        var possible: [String: [String]] = [:]
        for name in typeNames {
            guard let type = types[name] else { continue }
            switch type.kind {
            case .object: for interface in type.interfaces { possible[interface, default: []].append(name) }
            case .union: possible[name] = type.members
            default: break
            }
        }
        self.possible = possible
        possibleSets = possible.mapValues { Set($0) }
        let errors = builder.errors + SchemaCheck.errors(of: self, source: builder.source)
        guard errors.isEmpty else { throw SchemaErrors(errors: errors) }
    }

    public func directive(_ name: String) -> DirectiveDefinition? { directiveIndex[name].map { directives[$0] } }

    public func rootType(of kind: OperationKind) -> TypeDefinition? {
        switch kind {
        case .query: types[queryType]
        case .mutation: mutationType.flatMap { types[$0] }
        case .subscription: subscriptionType.flatMap { types[$0] }
        }
    }

    /// The object types that a value of this composite type may have (GetPossibleTypes, section 5.5.2.3).
    public func possibleTypes(of type: TypeDefinition) -> [String] {
        type.kind == .object ? [type.name] : possible[type.name] ?? []
    }

    func isPossible(_ object: String, of type: String) -> Bool {
        object == type || possibleSets[type]?.contains(object) == true
    }

    /// They may be the same object.
    func overlap(_ one: TypeDefinition, _ other: TypeDefinition) -> Bool {
        if one.name == other.name { return true }
        return possibleTypes(of: one).contains { isPossible($0, of: other.name) }
    }

    /// A value of `type` is one of `other` (IsValidImplementationFieldType, AreTypesCompatible).
    func isSubtype(_ type: TypeReference, of other: TypeReference) -> Bool {
        switch (type, other) {
        case (.nonNull(let inner), .nonNull(let outer)): return isSubtype(inner, of: outer)
        case (.nonNull(let inner), _): return isSubtype(inner, of: other)
        case (_, .nonNull): return false
        case (.list(let inner), .list(let outer)): return isSubtype(inner, of: outer)
        case (.list, _), (_, .list): return false
        case (.named(let name), .named(let wanted)):
            if name == wanted { return true }
            guard let type = types[name] else { return false }
            return type.interfaces.contains(wanted) || (type.kind == .object && isPossible(name, of: wanted))
        }
    }

    /// A field of a composite type, `__typename` and at the query's root `__schema` and `__type` included.
    func field(_ name: String, of type: TypeDefinition) -> FieldDefinition? {
        if let field = type.field(name) { return field }
        guard name.hasPrefix("__") else { return nil }
        switch name {
        case "__typename": return type.kind.isComposite ? MetaFields.typename : nil
        case "__schema": return type.name == queryType ? MetaFields.schema : nil
        case "__type": return type.name == queryType ? MetaFields.type : nil
        default: return nil
        }
    }
}

/// Fields that every schema has (section 4).
enum MetaFields {
    static let typename = FieldDefinition(
        name: "__typename", description: "The name of the current Object type at runtime.", arguments: [],
        type: .nonNull(.named("String")))
    static let schema = FieldDefinition(
        name: "__schema", description: "Access the current type schema of this server.", arguments: [],
        type: .nonNull(.named("__Schema")))
    static let type = FieldDefinition(
        name: "__type", description: "Request the type information of a single type.",
        arguments: [
            InputValueDefinition(
                name: "name", description: nil, type: .nonNull(.named("String")), defaultValue: nil,
                deprecationReason: nil, directives: [], offset: 0)
        ], type: .named("__Type"))
}

/// All that is wrong with a schema: at least one error.
public struct SchemaErrors: Error, Sendable, CustomStringConvertible {
    public let errors: [GraphQLError]

    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
