import JSON

/// What an operation costs at most: each field its weight for each object that may have it, lists as long as their
/// slicing argument or assumed size says. Never overflows: it stops at `Int.max`.
struct CostCount {
    let schema: Schema
    let fragments: [String: FragmentDefinition]
    let variables: [String: JSONValue]

    func cost(of operation: OperationDefinition, _ type: TypeDefinition) -> Int {
        var memory: [Key: Int] = [:]
        return cost(operation.selectionSet, type, sizes: [:], &memory)
    }

    /// What the cost of a selection set depends on: a fragment that is spread often is counted once.
    private struct Key: Hashable {
        let set: ObjectIdentifier
        let type: String
        let sizes: [String: Int]
    }

    private func cost(
        _ set: SelectionSet, _ type: TypeDefinition, sizes: [String: Int], _ memory: inout [Key: Int]
    ) -> Int {
        let key = Key(set: ObjectIdentifier(set), type: type.name, sizes: sizes)
        if let known = memory[key] { return known }
        var sum = 0
        for selection in set.selections {
            switch selection {
            case .field(let node): sum = Self.add(sum, cost(node, type, sizes: sizes, &memory))
            case .inline(let fragment):
                let inner = fragment.typeCondition.flatMap { schema.types[$0.text] } ?? type
                sum = Self.add(sum, cost(fragment.selectionSet, inner, sizes: sizes, &memory))
            case .spread(let spread):
                guard let fragment = fragments[spread.name.text], let inner = schema.types[fragment.typeCondition.text]
                else { continue }
                sum = Self.add(sum, cost(fragment.selectionSet, inner, sizes: sizes, &memory))
            }
        }
        memory[key] = sum
        return sum
    }

    private func cost(
        _ node: FieldNode, _ parent: TypeDefinition, sizes: [String: Int], _ memory: inout [Key: Int]
    ) -> Int {
        guard let field = schema.field(node.name.text, of: parent), let type = schema.types[field.type.name] else {
            return 0
        }
        var count = sizes[field.name] ?? 1
        var inner: [String: Int] = [:]
        if let listSize = field.listSize {
            let size = length(listSize, node, field)
            if listSize.sizedFields.isEmpty {
                count = Self.multiply(count, size)
            } else {
                for name in listSize.sizedFields { inner[name] = size }
            }
        }
        var one = field.weight ?? (type.kind.isComposite ? 1 : 0)
        if let set = node.selectionSet { one = Self.add(one, cost(set, type, sizes: inner, &memory)) }
        return Self.multiply(count, one)
    }

    /// The largest of the slicing arguments that are given, else the assumed size, else 1.
    private func length(_ size: ListSize, _ node: FieldNode, _ field: FieldDefinition) -> Int {
        let given = size.slicingArguments.compactMap { name -> Int? in
            let value = node.arguments.first { $0.name.text == name }?.value ?? field.argument(name)?.defaultValue
            switch value?.content {
            case .int(let text): return Int(text)
            case .variable(let variable):
                if let value = variables[variable] { return value.int64.flatMap { Int(exactly: $0) } }
                guard case .int(let text)? = field.argument(name)?.defaultValue?.content else { return nil }
                return Int(text)
            default: return nil
            }
        }
        return max(0, given.max() ?? size.assumedSize ?? 1)
    }

    private static func add(_ one: Int, _ other: Int) -> Int {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    private static func multiply(_ one: Int, _ other: Int) -> Int {
        let (product, overflow) = one.multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
