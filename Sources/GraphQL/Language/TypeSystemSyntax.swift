/// The syntax tree of the type system definition language (specification, section 3).

public struct TypeSystemDefinition: Sendable {
    public enum Content: Sendable {
        case schema(SchemaNode)
        case type(TypeDefinitionNode)
        case directive(DirectiveDefinitionNode)
    }

    public let content: Content
    /// `extend …`
    public let isExtension: Bool
    public let offset: Int
}

public struct SchemaNode: Sendable {
    public let description: String?
    public let directives: [DirectiveNode]
    public let rootTypes: [(kind: OperationKind, type: Name)]
}

public struct TypeDefinitionNode: Sendable {
    public let kind: TypeKind
    public let name: Name
    public let description: String?
    public let directives: [DirectiveNode]
    public let interfaces: [Name]
    public let fields: [FieldDefinitionNode]
    public let members: [Name]
    public let values: [EnumValueNode]
    public let inputFields: [InputValueNode]
}

public struct FieldDefinitionNode: Sendable {
    public let name: Name
    public let description: String?
    public let arguments: [InputValueNode]
    public let type: TypeNode
    public let directives: [DirectiveNode]
}

public struct InputValueNode: Sendable {
    public let name: Name
    public let description: String?
    public let type: TypeNode
    public let defaultValue: ValueNode?
    public let directives: [DirectiveNode]
}

public struct EnumValueNode: Sendable {
    public let name: Name
    public let description: String?
    public let directives: [DirectiveNode]
}

public struct DirectiveDefinitionNode: Sendable {
    public let name: Name
    public let description: String?
    public let arguments: [InputValueNode]
    public let isRepeatable: Bool
    public let locations: [Name]
}
