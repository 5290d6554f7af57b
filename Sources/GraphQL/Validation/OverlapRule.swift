/// Field Selection Merging (specification, section 5.3.2, FieldsInSetCanMerge).
///
/// Fields of one response key are compared as a set, not in pairs (Simon Adameit, "Validating GraphQL: overlapping fields
/// can be merged fast"): all of a set must have one shape, and within it those that may belong to the same object must be
/// the same field with the same arguments. Both are equivalences, so each field is compared with the set's first. Then
/// their selections are merged and judged likewise; a set that was judged before isn't again. That is linear for what
/// people write, and for what they don't there is a budget.
struct OverlapRule {
    struct Conflict {
        let message: String
        let offsets: [Int]
    }

    private struct Field {
        let id: Int
        let node: FieldNode
        let parent: TypeDefinition?
        let definition: FieldDefinition?
    }

    private typealias Group = (key: String, fields: [Field])

    let schema: Schema
    let fragments: [String: FragmentDefinition]
    private(set) var conflicts: [Conflict] = []
    /// Fields that may still be looked at.
    private(set) var budget = 100_000

    private struct Identity: Hashable {
        let node: ObjectIdentifier
        let parent: String?
    }

    private var ids: [Identity: Int] = [:]
    private var judgedShapes: Set<[Int]> = []
    private var judgedParents: Set<[Int]> = []
    private var arguments: [ObjectIdentifier: String] = [:]

    init(schema: Schema, fragments: [String: FragmentDefinition]) {
        self.schema = schema
        self.fragments = fragments
    }

    mutating func check(_ set: SelectionSet, of parent: TypeDefinition?) {
        let groups = collect([(set, parent)])
        checkShapes(groups)
        checkParents(groups)
    }

    // MARK: Collecting

    /// The fields of selection sets, fragments included, by response key.
    private mutating func collect(_ sets: [(SelectionSet, TypeDefinition?)]) -> [Group] {
        var groups: [Group] = []
        var index: [String: Int] = [:]
        var seen: Set<Int> = []
        var visited: Set<String> = []
        var open = Array(sets.reversed())
        while let (set, parent) = open.popLast() {
            for selection in set.selections {
                budget -= 1
                guard budget > 0 else { return groups }
                switch selection {
                case .field(let node):
                    let identity = Identity(node: ObjectIdentifier(node), parent: parent?.name)
                    let id = ids[identity] ?? ids.count
                    ids[identity] = id
                    guard seen.insert(id).inserted else { continue }
                    let field = Field(
                        id: id, node: node, parent: parent,
                        definition: parent.flatMap { schema.field(node.name.text, of: $0) })
                    if let known = index[node.responseKey] {
                        groups[known].fields.append(field)
                    } else {
                        index[node.responseKey] = groups.count
                        groups.append((node.responseKey, [field]))
                    }
                case .inline(let fragment):
                    open.append((fragment.selectionSet, fragment.typeCondition.map { schema.types[$0.text] } ?? parent))
                case .spread(let spread):
                    guard visited.insert(spread.name.text).inserted, let fragment = fragments[spread.name.text] else {
                        continue
                    }
                    open.append((fragment.selectionSet, schema.types[fragment.typeCondition.text]))
                }
            }
        }
        return groups
    }

    private mutating func merged(_ fields: [Field]) -> [Group] {
        collect(
            fields.compactMap { field in
                field.node.selectionSet.map { ($0, field.definition.flatMap { schema.types[$0.type.name] }) }
            })
    }

    // MARK: One shape (SameResponseShape)

    private mutating func checkShapes(_ groups: [Group]) {
        for (key, fields) in groups where budget > 0 {
            guard judgedShapes.insert(fields.map(\.id).sorted()).inserted else { continue }
            if let first = fields.first(where: { $0.definition != nil }), let type = first.definition?.type {
                let other = fields.first { field in field.definition.map { !sameShape($0.type, type) } ?? false }
                if let other, let otherType = other.definition?.type {
                    report(key, "they return conflicting types '\(type)' and '\(otherType)'", first, other)
                    continue
                }
            }
            checkShapes(merged(fields))
        }
    }

    private func sameShape(_ one: TypeReference, _ other: TypeReference) -> Bool {
        switch (one, other) {
        case (.nonNull(let one), .nonNull(let other)), (.list(let one), .list(let other)): return sameShape(one, other)
        case (.named(let one), .named(let other)):
            if one == other { return true }
            return schema.types[one]?.kind.isLeaf == false && schema.types[other]?.kind.isLeaf == false
        default: return false
        }
    }

    // MARK: One field for one object

    private mutating func checkParents(_ groups: [Group]) {
        for (key, fields) in groups where budget > 0 {
            for group in byCommonParents(fields) {
                guard judgedParents.insert(group.map(\.id).sorted()).inserted, let first = group.first else { continue }
                if let other = group.first(where: { $0.node.name.text != first.node.name.text }) {
                    let names = "'\(first.node.name.text)' and '\(other.node.name.text)'"
                    report(key, "\(names) are different fields", first, other)
                    continue
                }
                let wanted = argumentText(of: first.node)
                if let other = group.first(where: { argumentText(of: $0.node) != wanted }) {
                    report(key, "they have differing arguments", first, other)
                    continue
                }
                checkParents(merged(group))
            }
        }
    }

    /// Fields of two different object types never meet in one object; any other may meet all.
    private func byCommonParents(_ fields: [Field]) -> [[Field]] {
        let anywhere = fields.filter { $0.parent?.kind != .object }
        var order: [String] = []
        var objects: [String: [Field]] = [:]
        for field in fields {
            guard let parent = field.parent, parent.kind == .object else { continue }
            if objects[parent.name] == nil { order.append(parent.name) }
            objects[parent.name, default: []].append(field)
        }
        return order.isEmpty ? [anywhere] : order.map { (objects[$0] ?? []) + anywhere }
    }

    /// Equal for the same arguments in any order.
    private mutating func argumentText(of node: FieldNode) -> String {
        if node.arguments.isEmpty { return "" }
        if let known = arguments[ObjectIdentifier(node)] { return known }
        let text = node.arguments.map { "\($0.name.text):\(Self.canonical($0.value))" }.sorted().joined(separator: ",")
        arguments[ObjectIdentifier(node)] = text
        return text
    }

    private static func canonical(_ value: ValueNode) -> String {
        switch value.content {
        case .list(let elements): "[\(elements.map(canonical).joined(separator: ","))]"
        case .object(let fields):
            "{\(fields.map { "\($0.name.text):\(canonical($0.value))" }.sorted().joined(separator: ","))}"
        default: value.printed
        }
    }

    private mutating func report(_ key: String, _ reason: String, _ one: Field, _ other: Field) {
        conflicts.append(
            Conflict(
                message:
                    "Fields '\(key)' conflict because \(reason). Use different aliases on the fields to fetch both "
                    + "if this was intentional.", offsets: [one.node.offset, other.node.offset]))
    }
}

extension Validator {
    mutating func checkOverlaps() {
        var rule = OverlapRule(schema: schema, fragments: fragments)
        for definition in document.definitions {
            switch definition {
            case .operation(let operation):
                rule.check(operation.selectionSet, of: schema.rootType(of: operation.kind))
            case .fragment(let fragment):
                rule.check(fragment.selectionSet, of: schema.types[fragment.typeCondition.text])
            case .typeSystem: break
            }
        }
        var told: Set<[Int]> = []
        for conflict in rule.conflicts where told.insert(conflict.offsets).inserted {
            report(conflict.message, conflict.offsets)
        }
        if rule.budget <= 0 {
            report("The document's fields overlap in too many ways to be validated.", [0], code: "OVERLAP_LIMIT")
        }
    }
}
