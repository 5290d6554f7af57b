import JSON

/// What is to be resolved for each object of one type at one place of an operation: made once, however many objects
/// there are (CollectFields, specification, section 6.3.2).
final class SelectionPlan {
    let type: TypeDefinition
    let fields: [FieldPlan]

    init(type: TypeDefinition, fields: [FieldPlan]) {
        self.type = type
        self.fields = fields
    }
}

/// One response key of a selection plan.
final class FieldPlan {
    let key: String
    /// All fields of that key; they are the same field with the same arguments.
    let nodes: [FieldNode]
    let definition: FieldDefinition
    let parentType: TypeDefinition
    let resolver: FieldResolver
    let arguments: Result<Arguments, InputCoercion.Problem>
    private var knownLocations: [SourceLocation]?
    /// By the concrete type of the field's value.
    var selections: [String: Result<SelectionPlan, InputCoercion.Problem>] = [:]

    init(
        key: String, nodes: [FieldNode], definition: FieldDefinition, parentType: TypeDefinition,
        resolver: FieldResolver, arguments: Result<Arguments, InputCoercion.Problem>
    ) {
        self.key = key
        self.nodes = nodes
        self.definition = definition
        self.parentType = parentType
        self.resolver = resolver
        self.arguments = arguments
    }

    /// Counted once, however many values of the field fail.
    func locations(in source: SourceText) -> [SourceLocation] {
        if let knownLocations { return knownLocations }
        let locations = nodes.map { source.location(at: $0.offset) }
        knownLocations = locations
        return locations
    }
}

/// Makes plans for one operation with its variables.
struct Planner {
    let executor: ExecutorCore
    let fragments: [String: FragmentDefinition]
    let variables: [String: JSONValue]

    func plan(
        _ sets: [SelectionSet], of type: TypeDefinition
    ) -> Result<SelectionPlan, InputCoercion.Problem> {
        Result { () throws(InputCoercion.Problem) in
            var collector = FieldCollector(schema: executor.schema, fragments: fragments, variables: variables)
            for set in sets { try collector.collect(set, type.name) }
            return SelectionPlan(
                type: type, fields: collector.keys.compactMap { field($0, collector.nodes[$0] ?? [], type) })
        }
    }

    private func field(_ key: String, _ nodes: [FieldNode], _ type: TypeDefinition) -> FieldPlan? {
        guard let first = nodes.first, let definition = executor.schema.field(first.name.text, of: type) else {
            return nil
        }
        return FieldPlan(
            key: key, nodes: nodes, definition: definition, parentType: type,
            resolver: executor.resolver(of: definition.name, type: type), arguments: arguments(of: first, definition))
    }

    func arguments(of node: FieldNode, _ definition: FieldDefinition) -> Result<Arguments, InputCoercion.Problem> {
        if definition.arguments.isEmpty { return .success(Arguments([:])) }
        return Result { () throws(InputCoercion.Problem) in
            Arguments(
                try InputCoercion(schema: executor.schema)
                    .arguments(definition.arguments, given: node.arguments, variables: variables))
        }
    }
}

/// Collects the fields of selection sets by their response keys, in order.
struct FieldCollector {
    let schema: Schema
    let fragments: [String: FragmentDefinition]
    let variables: [String: JSONValue]
    private(set) var keys: [String] = []
    private(set) var nodes: [String: [FieldNode]] = [:]
    private var visited: Set<String> = []

    init(schema: Schema, fragments: [String: FragmentDefinition], variables: [String: JSONValue]) {
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
    }

    mutating func collect(_ set: SelectionSet, _ type: String) throws(InputCoercion.Problem) {
        for selection in set.selections {
            switch selection {
            case .field(let field):
                guard try isIncluded(field.directives) else { continue }
                if nodes[field.responseKey] == nil { keys.append(field.responseKey) }
                nodes[field.responseKey, default: []].append(field)
            case .inline(let fragment):
                guard try isIncluded(fragment.directives) else { continue }
                if let condition = fragment.typeCondition, !schema.isPossible(type, of: condition.text) { continue }
                try collect(fragment.selectionSet, type)
            case .spread(let spread):
                guard try isIncluded(spread.directives), visited.insert(spread.name.text).inserted,
                    let fragment = fragments[spread.name.text],
                    schema.isPossible(type, of: fragment.typeCondition.text)
                else { continue }
                try collect(fragment.selectionSet, type)
            }
        }
    }

    /// `@skip` and `@include` (sections 3.13.1 and 3.13.2).
    private func isIncluded(_ directives: [DirectiveNode]) throws(InputCoercion.Problem) -> Bool {
        for directive in directives where directive.name.text == "skip" || directive.name.text == "include" {
            guard let definition = schema.directive(directive.name.text) else { continue }
            let arguments = try InputCoercion(schema: schema)
                .arguments(definition.arguments, given: directive.arguments, variables: variables)
            if arguments["if"]?.bool == (directive.name.text == "skip") { return false }
        }
        return true
    }
}
