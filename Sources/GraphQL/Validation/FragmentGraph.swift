/// Which definitions spread which fragments, directly. Walks over the document without following spreads, so no deeper
/// than the parser went.
struct FragmentGraph {
    /// By fragment.
    private(set) var spreads: [String: [FragmentSpread]] = [:]
    private(set) var ofOperations: [ObjectIdentifier: [FragmentSpread]] = [:]
    private let fragments: [String: FragmentDefinition]
    private let order: [String]

    init(document: Document, fragments: [String: FragmentDefinition]) {
        self.fragments = fragments
        var order: [String] = []
        for fragment in document.fragments where spreads[fragment.name.text] == nil {
            order.append(fragment.name.text)
            spreads[fragment.name.text] = Self.spreads(in: fragment.selectionSet)
        }
        self.order = order
        for operation in document.operations {
            ofOperations[ObjectIdentifier(operation)] = Self.spreads(in: operation.selectionSet)
        }
    }

    static func spreads(in set: SelectionSet) -> [FragmentSpread] {
        var found: [FragmentSpread] = []
        var open = [set]
        while let next = open.popLast() {
            var nested: [SelectionSet] = []
            for selection in next.selections {
                switch selection {
                case .field(let field): if let inner = field.selectionSet { nested.append(inner) }
                case .inline(let fragment): nested.append(fragment.selectionSet)
                case .spread(let spread): found.append(spread)
                }
            }
            open.append(contentsOf: nested.reversed())
        }
        return found
    }

    /// The fragments that an operation reaches, each once, in no cycle whatever the document.
    func reached(from operation: OperationDefinition) -> [FragmentDefinition] {
        var seen: Set<String> = []
        var reached: [FragmentDefinition] = []
        var open = ofOperations[ObjectIdentifier(operation)] ?? []
        var next = 0
        while next < open.count {
            let name = open[next].name.text
            next += 1
            guard seen.insert(name).inserted, let fragment = fragments[name] else { continue }
            reached.append(fragment)
            open.append(contentsOf: spreads[name] ?? [])
        }
        return reached
    }

    /// Cycles of fragments (section 5.5.2.2), each once, with the spreads that close it. Iterative.
    func cycles() -> [(message: String, offsets: [Int])] {
        var cycles: [(message: String, offsets: [Int])] = []
        var done: Set<String> = []
        for start in order where !done.contains(start) {
            // The way from `start`: each fragment with the spread that is looked at.
            var path: [(name: String, next: Int)] = [(start, 0)]
            var onPath = [start: 0]
            while let (name, next) = path.last {
                let spreads = self.spreads[name] ?? []
                guard next < spreads.count else {
                    path.removeLast()
                    onPath[name] = nil
                    done.insert(name)
                    continue
                }
                path[path.count - 1].next += 1
                let target = spreads[next].name.text
                if let index = onPath[target] {
                    let steps = path[index...].compactMap { step in self.spreads[step.name]?[step.next - 1] }
                    let via = steps.dropLast().prefix(20).map { "'\($0.name.text)'" }.joined(separator: ", ")
                    cycles.append(
                        (
                            "Cannot spread fragment '\(target)' within itself\(via.isEmpty ? "" : " via \(via)").",
                            steps.map(\.offset)
                        ))
                } else if fragments[target] != nil, !done.contains(target) {
                    onPath[target] = path.count
                    path.append((target, 0))
                }
            }
        }
        return cycles
    }

    /// Fragments so that each comes after those that it spreads. Of a document without cycles.
    func bottomUp() -> [FragmentDefinition] {
        var sorted: [FragmentDefinition] = []
        var done: Set<String> = []
        for start in order where !done.contains(start) {
            var path: [(name: String, next: Int)] = [(start, 0)]
            done.insert(start)
            while let (name, next) = path.last {
                let spreads = self.spreads[name] ?? []
                guard next < spreads.count else {
                    path.removeLast()
                    if let fragment = fragments[name] { sorted.append(fragment) }
                    continue
                }
                path[path.count - 1].next += 1
                let target = spreads[next].name.text
                if fragments[target] != nil, done.insert(target).inserted { path.append((target, 0)) }
            }
        }
        return sorted
    }
}
