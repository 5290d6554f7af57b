import JSON

/// The kinds of named types (specification, section 3.4).
public enum TypeKind: String, Hashable, Sendable {
    case scalar = "SCALAR"
    case object = "OBJECT"
    case interface = "INTERFACE"
    case union = "UNION"
    case enumeration = "ENUM"
    case inputObject = "INPUT_OBJECT"

    public var isLeaf: Bool { self == .scalar || self == .enumeration }
    public var isComposite: Bool { self == .object || self == .interface || self == .union }
    public var isAbstract: Bool { self == .interface || self == .union }
    public var isInput: Bool { self == .scalar || self == .enumeration || self == .inputObject }
    public var isOutput: Bool { self != .inputObject }
}

/// A named type of a schema.
public final class TypeDefinition: Sendable {
    public let kind: TypeKind
    public let name: String
    public let description: String?
    /// Of objects and interfaces, in their order.
    public let fields: [FieldDefinition]
    /// That an object or interface declares to implement.
    public let interfaces: [String]
    /// Of a union.
    public let members: [String]
    /// Of an enum.
    public let values: [EnumValueDefinition]
    /// Of an input object.
    public let inputFields: [InputValueDefinition]
    /// Exactly one field must be given, and not null (section 3.10.1).
    public let isOneOf: Bool
    /// URL of a custom scalar's specification (section 3.13.4).
    public let specifiedBy: String?
    /// Directives that stand on the definition, other than the ones above.
    public let directives: [DirectiveNode]
    /// Brought by the specification rather than by the schema's text.
    public let isBuiltIn: Bool
    let offset: Int

    private let fieldIndex: [String: Int]
    private let inputIndex: [String: Int]

    init(
        kind: TypeKind, name: String, description: String?, fields: [FieldDefinition] = [], interfaces: [String] = [],
        members: [String] = [], values: [EnumValueDefinition] = [], inputFields: [InputValueDefinition] = [],
        isOneOf: Bool = false, specifiedBy: String? = nil, directives: [DirectiveNode] = [], isBuiltIn: Bool = false,
        offset: Int = 0
    ) {
        self.kind = kind
        self.name = name
        self.description = description
        self.fields = fields
        self.interfaces = interfaces
        self.members = members
        self.values = values
        self.inputFields = inputFields
        self.isOneOf = isOneOf
        self.specifiedBy = specifiedBy
        self.directives = directives
        self.isBuiltIn = isBuiltIn
        self.offset = offset
        fieldIndex = Dictionary(fields.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        inputIndex = Dictionary(inputFields.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    public func field(_ name: String) -> FieldDefinition? { fieldIndex[name].map { fields[$0] } }
    public func inputField(_ name: String) -> InputValueDefinition? { inputIndex[name].map { inputFields[$0] } }
    public func hasValue(_ name: String) -> Bool { values.contains { $0.name == name } }
}

/// A field of an object or interface.
public final class FieldDefinition: Sendable {
    public let name: String
    public let description: String?
    public let arguments: [InputValueDefinition]
    public let type: TypeReference
    public let deprecationReason: String?
    public let directives: [DirectiveNode]
    /// What one value of it costs, without what is selected below: `@cost(weight:)`, else 1 for a field with a
    /// selection and 0 for a leaf.
    public let weight: Int?
    /// How many values a list has at most: `@listSize`.
    public let listSize: ListSize?
    let offset: Int

    init(
        name: String, description: String?, arguments: [InputValueDefinition], type: TypeReference,
        deprecationReason: String? = nil, directives: [DirectiveNode] = [], weight: Int? = nil,
        listSize: ListSize? = nil, offset: Int = 0
    ) {
        self.name = name
        self.description = description
        self.arguments = arguments
        self.type = type
        self.deprecationReason = deprecationReason
        self.directives = directives
        self.weight = weight
        self.listSize = listSize
        self.offset = offset
    }

    public func argument(_ name: String) -> InputValueDefinition? { arguments.first { $0.name == name } }
}

/// `@listSize` of the cost directives (IBM's GraphQL Cost Directive Specification).
public struct ListSize: Hashable, Sendable {
    /// Taken where no slicing argument is given.
    public let assumedSize: Int?
    /// Arguments that say how many values are wanted: `first`.
    public let slicingArguments: [String]
    /// Fields of the answer that are the lists of that size; empty where the field itself is.
    public let sizedFields: [String]
}

/// An argument or a field of an input object.
public struct InputValueDefinition: Sendable {
    public let name: String
    public let description: String?
    public let type: TypeReference
    public let defaultValue: ValueNode?
    public let deprecationReason: String?
    public let directives: [DirectiveNode]
    let offset: Int

    /// Has to be given (section 5.4.3).
    public var isRequired: Bool { type.isNonNull && defaultValue == nil }
}

public struct EnumValueDefinition: Sendable {
    public let name: String
    public let description: String?
    public let deprecationReason: String?
    public let directives: [DirectiveNode]
}

public struct DirectiveDefinition: Sendable {
    public let name: String
    public let description: String?
    public let arguments: [InputValueDefinition]
    public let isRepeatable: Bool
    public let locations: [String]
    public let isBuiltIn: Bool
    let offset: Int

    public func argument(_ name: String) -> InputValueDefinition? { arguments.first { $0.name == name } }
}
