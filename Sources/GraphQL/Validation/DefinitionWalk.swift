/// A walk over one operation or fragment, with the types that stand at each place. Judges what can be judged there, and
/// notes which variables are used.
struct DefinitionWalk {
    struct Problem {
        let message: String
        let offsets: [Int]
        var code = "GRAPHQL_VALIDATION_FAILED"
    }

    /// A variable at a place where a value is expected.
    struct VariableUsage {
        let name: String
        let offset: Int
        /// What is expected; nil where that isn't known.
        let type: TypeReference?
        let hasDefault: Bool
        /// The input object of exactly one field whose field it is given to.
        let oneOf: String?
    }

    let schema: Schema
    let fragments: [String: FragmentDefinition]
    let introspection: Bool
    var problems: [Problem] = []
    var usages: [VariableUsage] = []

    init(schema: Schema, fragments: [String: FragmentDefinition], introspection: Bool) {
        self.schema = schema
        self.fragments = fragments
        self.introspection = introspection
    }

    mutating func fail(_ message: String, _ offsets: Int...) {
        problems.append(Problem(message: message, offsets: offsets))
    }

    // MARK: Definitions

    mutating func walk(_ operation: OperationDefinition) {
        for variable in operation.variables { walk(variable) }
        let location =
            switch operation.kind {
            case .query: "QUERY"
            case .mutation: "MUTATION"
            case .subscription: "SUBSCRIPTION"
            }
        walk(operation.directives, at: location)
        walk(operation.selectionSet, of: schema.rootType(of: operation.kind))
    }

    mutating func walk(_ fragment: FragmentDefinition) {
        let type = composite(fragment.typeCondition, "Fragment '\(fragment.name.text)'")
        walk(fragment.directives, at: "FRAGMENT_DEFINITION")
        walk(fragment.selectionSet, of: type)
    }

    /// Variables Are Input Types (5.8.2), and the default's value.
    private mutating func walk(_ variable: VariableDefinition) {
        let name = variable.type.name
        let known = type(name)
        if let known, !known.kind.isInput {
            fail("Variable '$\(variable.name.text)' cannot be non-input type '\(variable.type)'.", variable.type.offset)
        }
        if let value = variable.defaultValue {
            walk(value, as: known?.kind.isInput == true ? variable.type.reference : nil)
        }
        walk(variable.directives, at: "VARIABLE_DEFINITION")
    }

    /// Known types (5.5.1.2, 5.8.2).
    private mutating func type(_ name: Name) -> TypeDefinition? {
        if let type = schema.types[name.text] { return type }
        fail("Unknown type '\(name.text)'.", name.offset)
        return nil
    }

    /// Fragments On Composite Types (5.5.1.3).
    private mutating func composite(_ name: Name, _ what: String) -> TypeDefinition? {
        guard let type = type(name) else { return nil }
        guard type.kind.isComposite else {
            fail("\(what) cannot condition on non composite type '\(name.text)'.", name.offset)
            return nil
        }
        return type
    }

    // MARK: Selections

    /// - Parameter parent: nil where an error was found above.
    private mutating func walk(_ set: SelectionSet, of parent: TypeDefinition?) {
        for selection in set.selections {
            switch selection {
            case .field(let field): walk(field, of: parent)
            case .inline(let fragment):
                var type = parent
                if let condition = fragment.typeCondition {
                    type = composite(condition, "Fragment")
                    checkSpread(of: type, into: parent, "Fragment cannot", fragment.offset)
                }
                walk(fragment.directives, at: "INLINE_FRAGMENT")
                walk(fragment.selectionSet, of: type)
            case .spread(let spread):
                if let fragment = fragments[spread.name.text] {
                    let type = schema.types[fragment.typeCondition.text]
                    checkSpread(
                        of: type?.kind.isComposite == true ? type : nil, into: parent,
                        "Fragment '\(spread.name.text)' cannot", spread.offset)
                }
                walk(spread.directives, at: "FRAGMENT_SPREAD")
            }
        }
    }

    /// Fragment Spread Is Possible (5.5.2.3).
    private mutating func checkSpread(
        of type: TypeDefinition?, into parent: TypeDefinition?, _ who: String, _ offset: Int
    ) {
        guard let type, let parent, !schema.overlap(parent, type) else { return }
        fail(
            "\(who) be spread here as objects of type '\(parent.name)' can never be of type '\(type.name)'.", offset)
    }

    private mutating func walk(_ field: FieldNode, of parent: TypeDefinition?) {
        let definition = parent.flatMap { schema.field(field.name.text, of: $0) }
        if let parent, definition == nil {
            fail("Cannot query field '\(field.name.text)' on type '\(parent.name)'.", field.offset)
        }
        if !introspection, definition === MetaFields.schema || definition === MetaFields.type {
            problems.append(
                Problem(
                    message: "Introspection is switched off, so '\(field.name.text)' cannot be queried.",
                    offsets: [field.offset], code: "INTROSPECTION_DISABLED"))
        }
        walk(field.arguments, of: definition?.arguments, owner: "field '\(parent?.name ?? "").\(field.name.text)'")
        if let definition {
            checkRequired(field.arguments, definition.arguments, "Field '\(field.name.text)'", field.offset)
        }
        walk(field.directives, at: "FIELD")
        let type = definition.flatMap { schema.types[$0.type.name] }
        if let definition, let type { checkLeaf(field, definition, type) }
        if let set = field.selectionSet { walk(set, of: type?.kind.isComposite == true ? type : nil) }
    }

    /// Leaf Field Selections (5.3.3).
    private mutating func checkLeaf(_ field: FieldNode, _ definition: FieldDefinition, _ type: TypeDefinition) {
        if type.kind.isLeaf, let set = field.selectionSet {
            fail(
                "Field '\(field.name.text)' must not have a selection since type '\(definition.type)' has no subfields.",
                set.offset)
        }
        if type.kind.isComposite, field.selectionSet == nil {
            fail(
                "Field '\(field.name.text)' of type '\(definition.type)' must have a selection of subfields.",
                field.offset)
        }
    }
}
