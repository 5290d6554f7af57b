/// The syntax tree of executable documents (specification, section 2). Offsets are bytes of the source.

public struct Name: Hashable, Sendable {
    public let text: String
    public let offset: Int
}

/// A parsed document. Immutable, so it may be shared and cached.
public struct Document: Sendable {
    public let source: SourceText
    public let definitions: [Definition]

    public var operations: [OperationDefinition] {
        definitions.compactMap { if case .operation(let operation) = $0 { operation } else { nil } }
    }

    public var fragments: [FragmentDefinition] {
        definitions.compactMap { if case .fragment(let fragment) = $0 { fragment } else { nil } }
    }
}

public enum Definition: Sendable {
    case operation(OperationDefinition)
    case fragment(FragmentDefinition)
    case typeSystem(TypeSystemDefinition)
}

public enum OperationKind: String, Hashable, Sendable {
    case query, mutation, subscription
}

public final class OperationDefinition: Sendable {
    public let kind: OperationKind
    public let name: Name?
    public let description: String?
    public let variables: [VariableDefinition]
    public let directives: [DirectiveNode]
    public let selectionSet: SelectionSet
    public let offset: Int

    init(
        kind: OperationKind, name: Name?, description: String?, variables: [VariableDefinition],
        directives: [DirectiveNode], selectionSet: SelectionSet, offset: Int
    ) {
        self.kind = kind
        self.name = name
        self.description = description
        self.variables = variables
        self.directives = directives
        self.selectionSet = selectionSet
        self.offset = offset
    }
}

public struct VariableDefinition: Sendable {
    public let name: Name
    public let type: TypeNode
    public let defaultValue: ValueNode?
    public let directives: [DirectiveNode]
    public let offset: Int
}

public final class FragmentDefinition: Sendable {
    public let name: Name
    public let typeCondition: Name
    public let directives: [DirectiveNode]
    public let selectionSet: SelectionSet
    public let offset: Int

    init(name: Name, typeCondition: Name, directives: [DirectiveNode], selectionSet: SelectionSet, offset: Int) {
        self.name = name
        self.typeCondition = typeCondition
        self.directives = directives
        self.selectionSet = selectionSet
        self.offset = offset
    }
}

/// An object, so that its identity can be the key of memories.
public final class SelectionSet: Sendable {
    public let selections: [Selection]
    public let offset: Int

    init(selections: [Selection], offset: Int) {
        self.selections = selections
        self.offset = offset
    }
}

public enum Selection: Sendable {
    case field(FieldNode)
    case spread(FragmentSpread)
    case inline(InlineFragment)
}

public final class FieldNode: Sendable {
    public let alias: Name?
    public let name: Name
    public let arguments: [ArgumentNode]
    public let directives: [DirectiveNode]
    public let selectionSet: SelectionSet?

    init(
        alias: Name?, name: Name, arguments: [ArgumentNode], directives: [DirectiveNode], selectionSet: SelectionSet?
    ) {
        self.alias = alias
        self.name = name
        self.arguments = arguments
        self.directives = directives
        self.selectionSet = selectionSet
    }

    public var responseKey: String { alias?.text ?? name.text }
    public var offset: Int { alias?.offset ?? name.offset }
}

public struct FragmentSpread: Sendable {
    public let name: Name
    public let directives: [DirectiveNode]
    public let offset: Int
}

public struct InlineFragment: Sendable {
    public let typeCondition: Name?
    public let directives: [DirectiveNode]
    public let selectionSet: SelectionSet
    public let offset: Int
}

public struct ArgumentNode: Sendable {
    public let name: Name
    public let value: ValueNode

    public var offset: Int { name.offset }
}

public struct DirectiveNode: Sendable {
    public let name: Name
    public let arguments: [ArgumentNode]
    public let offset: Int
}

/// A value in a document (section 2.9). Nested no deeper than the parser's limit.
public struct ValueNode: Sendable {
    public indirect enum Content: Sendable {
        case variable(String)
        /// As it is written.
        case int(String)
        case float(String)
        case string(String)
        case boolean(Bool)
        case null
        case enumeration(String)
        case list([ValueNode])
        case object([ObjectFieldNode])
    }

    public let content: Content
    public let offset: Int
}

public struct ObjectFieldNode: Sendable {
    public let name: Name
    public let value: ValueNode
}

/// A reference to a type (section 2.11).
public indirect enum TypeNode: Sendable, CustomStringConvertible {
    case named(Name)
    case list(TypeNode, offset: Int)
    case nonNull(TypeNode)

    public var description: String { reference.description }

    public var reference: TypeReference {
        switch self {
        case .named(let name): .named(name.text)
        case .list(let element, _): .list(element.reference)
        case .nonNull(let type): .nonNull(type.reference)
        }
    }

    public var offset: Int {
        switch self {
        case .named(let name): name.offset
        case .list(_, let offset): offset
        case .nonNull(let type): type.offset
        }
    }

    public var name: Name {
        switch self {
        case .named(let name): name
        case .list(let type, _), .nonNull(let type): type.name
        }
    }
}
