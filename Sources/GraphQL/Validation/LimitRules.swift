import JSON

/// Limits of our own, beside the specification's rules. Fragments count wherever they are spread, and are measured once.
extension Validator {
    private struct Measure {
        /// Levels of fields.
        var depth = 0
        /// Selection sets within each other, those of fragments included.
        var nesting = 0
        /// Fields at the top.
        var fields = 0
        /// Lists of introspection within each other.
        var lists = 0
        /// As many under a `__schema` or `__type`.
        var introspection = 0
    }

    /// Each level of these is as many times more as there are fields or types. Tools need two.
    private static let introspectionLists = 2
    private static let listFields: Set = ["fields", "interfaces", "possibleTypes", "inputFields"]

    /// Of a document without cycles of fragments.
    mutating func checkLimits(_ graph: FragmentGraph) {
        var measures: [String: Measure] = [:]
        for fragment in graph.bottomUp() {
            measures[fragment.name.text] = Self.measure(fragment.selectionSet, measures)
        }
        for fragment in document.fragments {
            checkNesting(measures[fragment.name.text] ?? Measure(), at: fragment.offset)
        }
        for operation in document.operations {
            let measure = Self.measure(operation.selectionSet, measures)
            checkNesting(measure, at: operation.offset)
            if measure.introspection > Self.introspectionLists {
                report(
                    limit: "INTROSPECTION_LIMIT", "The number of introspection's lists within each other is",
                    value: measure.introspection, allowed: Self.introspectionLists, at: operation.offset)
            }
            if measure.depth > limits.depth {
                report(
                    limit: "DEPTH_LIMIT", "The operation's depth is", value: measure.depth, allowed: limits.depth,
                    at: operation.offset)
            }
            if measure.fields > limits.rootFields {
                report(
                    limit: "ROOT_FIELD_LIMIT", "The operation's number of root fields is", value: measure.fields,
                    allowed: limits.rootFields, at: operation.offset)
            }
        }
        let aliases = document.definitions.reduce(into: 0) { sum, definition in
            switch definition {
            case .operation(let operation): sum += Self.aliases(in: operation.selectionSet)
            case .fragment(let fragment): sum += Self.aliases(in: fragment.selectionSet)
            case .typeSystem: break
            }
        }
        if aliases > limits.aliases {
            report(
                limit: "ALIAS_LIMIT", "The document's number of aliases is", value: aliases, allowed: limits.aliases,
                at: 0)
        }
    }

    /// As deep as the parser goes, so that what is recursive after this is bounded too.
    private mutating func checkNesting(_ measure: Measure, at offset: Int) {
        let allowed = ParserLimits().nesting
        if measure.nesting > allowed {
            report(
                limit: "NESTING_LIMIT", "The number of selections within each other, fragments included, is",
                value: measure.nesting, allowed: allowed, at: offset)
        }
    }

    private static func measure(_ set: SelectionSet, _ fragments: [String: Measure]) -> Measure {
        var measure = Measure()
        for selection in set.selections {
            let inner: Measure
            switch selection {
            case .field(let field):
                var below = field.selectionSet.map { Self.measure($0, fragments) } ?? Measure()
                below.depth += 1
                below.fields = 1
                if listFields.contains(field.name.text) { below.lists += 1 }
                if ["__schema", "__type"].contains(field.name.text) {
                    below.introspection = max(below.introspection, below.lists)
                }
                inner = below
            case .inline(let fragment): inner = Self.measure(fragment.selectionSet, fragments)
            case .spread(let spread): inner = fragments[spread.name.text] ?? Measure()
            }
            measure.depth = max(measure.depth, inner.depth)
            measure.nesting = max(measure.nesting, inner.nesting)
            measure.lists = max(measure.lists, inner.lists)
            measure.introspection = max(measure.introspection, inner.introspection)
            measure.fields = min(measure.fields + inner.fields, 1_000_000_000)
        }
        measure.nesting += 1
        return measure
    }

    private static func aliases(in set: SelectionSet) -> Int {
        set.selections.reduce(into: 0) { sum, selection in
            switch selection {
            case .field(let field): sum += (field.alias == nil ? 0 : 1) + (field.selectionSet.map(Self.aliases) ?? 0)
            case .inline(let fragment): sum += Self.aliases(in: fragment.selectionSet)
            case .spread: break
            }
        }
    }
}

extension JSONValue {
    init(_ number: Int) { self = .number(JSONNumber(Int64(number))) }
}
