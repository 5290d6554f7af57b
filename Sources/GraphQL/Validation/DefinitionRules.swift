/// Rules about definitions as such (specification, sections 5.1, 5.2, 5.5.1).
extension Validator {
    mutating func checkDefinitions(_ graph: FragmentGraph) {
        checkExecutable()
        checkOperationNames()
        checkFragmentNames(graph)
    }

    /// Executable Definitions (5.1.1).
    private mutating func checkExecutable() {
        for case .typeSystem(let definition) in document.definitions {
            let name =
                switch definition.content {
                case .schema: "schema"
                case .type(let type): "'\(type.name.text)'"
                case .directive(let directive): "'\(directive.name.text)'"
                }
            report("The \(name) definition is not executable.", [definition.offset])
        }
    }

    /// Operation Name Uniqueness (5.2.2.1), Lone Anonymous Operation (5.2.3.1), Operation Type Existence (5.2.1.1).
    private mutating func checkOperationNames() {
        let operations = document.operations
        var known: [String: Name] = [:]
        for operation in operations {
            if let name = operation.name {
                if let first = known[name.text] {
                    report("There can be only one operation named '\(name.text)'.", [first.offset, name.offset])
                } else {
                    known[name.text] = name
                }
            } else if operations.count > 1 {
                report("This anonymous operation must be the only defined operation.", [operation.offset])
            }
            if schema.rootType(of: operation.kind) == nil {
                report("The \(operation.kind.rawValue) operation is not supported by the schema.", [operation.offset])
            }
        }
    }

    /// Fragment Name Uniqueness (5.5.1.1), Fragments Must Be Used (5.5.1.4), Fragment Spread Target Defined (5.5.2.1).
    private mutating func checkFragmentNames(_ graph: FragmentGraph) {
        var known: [String: Name] = [:]
        for fragment in document.fragments {
            if let first = known[fragment.name.text] {
                report(
                    "There can be only one fragment named '\(fragment.name.text)'.",
                    [first.offset, fragment.name.offset])
            } else {
                known[fragment.name.text] = fragment.name
            }
        }
        let used = Set(document.operations.flatMap { graph.reached(from: $0) }.map(\.name.text))
        for fragment in document.fragments where !used.contains(fragment.name.text) {
            report("Fragment '\(fragment.name.text)' is never used.", [fragment.offset])
        }
        let spreads =
            document.operations.flatMap { FragmentGraph.spreads(in: $0.selectionSet) }
            + document.fragments.flatMap { FragmentGraph.spreads(in: $0.selectionSet) }
        for spread in spreads where fragments[spread.name.text] == nil {
            report("Unknown fragment '\(spread.name.text)'.", [spread.name.offset])
        }
    }

    /// Single Root Field (5.2.4.1). Fragments count, and `@skip` and `@include` may not decide.
    mutating func checkSubscription(_ operation: OperationDefinition) {
        guard let type = schema.rootType(of: .subscription) else { return }
        let title = operation.name.map { "Subscription '\($0.text)'" } ?? "Anonymous Subscription"
        var collector = RootCollector(schema: schema, fragments: fragments, root: type)
        collector.collect(operation.selectionSet)
        if !collector.conditions.isEmpty {
            report(
                "\(title) must not use `@skip` or `@include` directives in the top level selection.",
                collector.conditions)
            return
        }
        if collector.fields.isEmpty {
            report("\(title) must select one top level field.", [operation.selectionSet.offset])
        }
        if collector.fields.count > 1 {
            report(
                "\(title) must select only one top level field.",
                collector.fields.dropFirst().flatMap { $0.nodes.map(\.offset) })
        }
        for field in collector.fields where field.nodes.first?.name.text.hasPrefix("__") == true {
            report("\(title) must not select an introspection top level field.", field.nodes.map(\.offset))
        }
    }
}

/// CollectSubscriptionFields: the fields of a root, and the conditions met on the way.
private struct RootCollector {
    let schema: Schema
    let fragments: [String: FragmentDefinition]
    let root: TypeDefinition
    private(set) var fields: [(key: String, nodes: [FieldNode])] = []
    private(set) var conditions: [Int] = []
    private var visited: Set<String> = []

    init(schema: Schema, fragments: [String: FragmentDefinition], root: TypeDefinition) {
        self.schema = schema
        self.fragments = fragments
        self.root = root
    }

    mutating func collect(_ set: SelectionSet) {
        for selection in set.selections {
            switch selection {
            case .field(let field):
                note(field.directives)
                if let index = fields.firstIndex(where: { $0.key == field.responseKey }) {
                    fields[index].nodes.append(field)
                } else {
                    fields.append((field.responseKey, [field]))
                }
            case .inline(let fragment):
                note(fragment.directives)
                if let condition = fragment.typeCondition, !schema.isPossible(root.name, of: condition.text) {
                    continue
                }
                collect(fragment.selectionSet)
            case .spread(let spread):
                note(spread.directives)
                guard visited.insert(spread.name.text).inserted, let fragment = fragments[spread.name.text],
                    schema.isPossible(root.name, of: fragment.typeCondition.text)
                else { continue }
                collect(fragment.selectionSet)
            }
        }
    }

    private mutating func note(_ directives: [DirectiveNode]) {
        conditions += directives.filter { $0.name.text == "skip" || $0.name.text == "include" }.map(\.offset)
    }
}
