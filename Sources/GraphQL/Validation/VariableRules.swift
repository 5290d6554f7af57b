/// Rules about variables (specification, section 5.8). A fragment's variables are those of each operation that reaches it.
extension Validator {
    mutating func checkVariables(
        of operation: OperationDefinition, _ walks: [ObjectIdentifier: DefinitionWalk], _ graph: FragmentGraph
    ) {
        var definitions: [String: VariableDefinition] = [:]
        var names: [String: [Int]] = [:]
        for variable in operation.variables {
            // As in all memories by name, the last one counts; that there are two is told below.
            definitions[variable.name.text] = variable
            names[variable.name.text, default: []].append(variable.name.offset + 1)
        }
        // Variable Uniqueness (5.8.1).
        for (name, offsets) in names.sorted(by: { $0.key < $1.key }) where offsets.count > 1 {
            report("There can be only one variable named '$\(name)'.", offsets)
        }
        var usages = walks[ObjectIdentifier(operation)]?.usages ?? []
        for fragment in graph.reached(from: operation) { usages += walks[ObjectIdentifier(fragment)]?.usages ?? [] }
        let title = operation.name.map { " by operation '\($0.text)'" } ?? ""
        var used: Set<String> = []
        for usage in usages {
            used.insert(usage.name)
            guard let definition = definitions[usage.name] else {
                // All Variable Uses Defined (5.8.3).
                report("Variable '$\(usage.name)' is not defined\(title).", [usage.offset, operation.offset])
                continue
            }
            checkPosition(of: usage, definition)
        }
        // All Variables Used (5.8.4).
        for variable in operation.variables where !used.contains(variable.name.text) {
            let place = operation.name.map { " in operation '\($0.text)'" } ?? ""
            report("Variable '$\(variable.name.text)' is never used\(place).", [variable.offset])
        }
    }

    /// All Variable Usages Are Allowed (5.8.5).
    private mutating func checkPosition(of usage: DefinitionWalk.VariableUsage, _ definition: VariableDefinition) {
        let type = definition.type.reference
        guard let expected = usage.type, schema.types[type.name] != nil else { return }
        if !isAllowed(type, definition.defaultValue, at: expected, usage.hasDefault) {
            report(
                "Variable '$\(usage.name)' of type '\(type)' used in position expecting type '\(expected)'.",
                [definition.offset, usage.offset])
        }
        if let oneOf = usage.oneOf, !type.isNonNull {
            report(
                "Variable '$\(usage.name)' is of type '\(type)' but must be non-nullable to be used for OneOf Input "
                    + "Object '\(oneOf)'.", [definition.offset, usage.offset])
        }
    }

    /// IsVariableUsageAllowed.
    private func isAllowed(
        _ type: TypeReference, _ defaultValue: ValueNode?, at expected: TypeReference, _ hasDefault: Bool
    ) -> Bool {
        guard expected.isNonNull, !type.isNonNull else { return schema.isSubtype(type, of: expected) }
        var hasOwnDefault = false
        if let defaultValue {
            if case .null = defaultValue.content {} else { hasOwnDefault = true }
        }
        return (hasOwnDefault || hasDefault) && schema.isSubtype(type, of: expected.nullable)
    }
}
