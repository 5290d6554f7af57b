import JSON

extension Schema {
    /// Parses and validates a document (specification, sections 2 and 5). Throws all that is wrong with it, up to the
    /// limit of errors.
    public func prepare(
        _ text: String, limits: DocumentLimits = DocumentLimits()
    ) throws(RequestErrors) -> PreparedDocument {
        let document: Document
        do throws(GraphQLError) {
            document = try Parser.document(SourceText(text), limits: ParserLimits(tokens: limits.tokens))
        } catch {
            throw RequestErrors([error])
        }
        var validator = Validator(schema: self, document: document, limits: limits)
        let errors = validator.validate()
        guard errors.isEmpty else { throw RequestErrors(errors) }
        return PreparedDocument(
            document: document, schema: self, fragments: validator.fragments, costLimit: limits.cost)
    }
}

/// Validates a document: each definition is walked over once, and what crosses definitions (variables in fragments,
/// cycles, overlapping fields) is judged from what the walks have found.
struct Validator {
    let schema: Schema
    let document: Document
    let limits: DocumentLimits
    /// The first of each name.
    let fragments: [String: FragmentDefinition]
    private(set) var errors: [GraphQLError] = []

    /// A circle of a thousand fragments isn't told in full.
    private static let placesPerError = 50

    init(schema: Schema, document: Document, limits: DocumentLimits) {
        self.schema = schema
        self.document = document
        self.limits = limits
        fragments = Dictionary(
            document.fragments.map { ($0.name.text, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func validate() -> [GraphQLError] {
        let graph = FragmentGraph(document: document, fragments: fragments)
        // What follows is recursive, so cycles and bottomless documents end here.
        let cycles = graph.cycles()
        for cycle in cycles { report(cycle.message, cycle.offsets) }
        checkDefinitions(graph)
        if cycles.isEmpty {
            checkLimits(graph)
            guard errors.allSatisfy({ $0.extensions["code"] != "NESTING_LIMIT" }) else { return errors }
        }
        var walks: [ObjectIdentifier: DefinitionWalk] = [:]
        for definition in document.definitions {
            switch definition {
            case .operation(let operation):
                walks[ObjectIdentifier(operation)] = walk { $0.walk(operation) }
            case .fragment(let fragment):
                walks[ObjectIdentifier(fragment)] = walk { $0.walk(fragment) }
            case .typeSystem: break
            }
        }
        for operation in document.operations { checkVariables(of: operation, walks, graph) }
        if cycles.isEmpty {
            for operation in document.operations where operation.kind == .subscription { checkSubscription(operation) }
            checkOverlaps()
        }
        return errors
    }

    private mutating func walk(_ visit: (inout DefinitionWalk) -> Void) -> DefinitionWalk {
        var walk = DefinitionWalk(schema: schema, fragments: fragments, introspection: limits.introspection)
        visit(&walk)
        for problem in walk.problems { report(problem.message, problem.offsets, code: problem.code) }
        return walk
    }

    mutating func report(_ message: String, _ offsets: [Int], code: String = "GRAPHQL_VALIDATION_FAILED") {
        guard errors.count < limits.errors else { return }
        errors.append(
            GraphQLError(
                message, code: code, locations: offsets.prefix(Self.placesPerError).map(document.source.location(at:))))
        if errors.count == limits.errors {
            errors[errors.count - 1] = GraphQLError(
                "Too many validation errors: the limit is \(limits.errors).", code: "GRAPHQL_VALIDATION_FAILED")
        }
    }

    /// Of a limit that isn't kept: the error has both numbers.
    mutating func report(limit: String, _ what: String, value: Int, allowed: Int, at offset: Int) {
        guard errors.count < limits.errors else { return }
        errors.append(
            GraphQLError(
                "\(what) \(value), which is more than the limit of \(allowed).",
                locations: [document.source.location(at: offset)],
                extensions: ["code": .string(limit), "limit": .init(allowed), "value": .init(value)]))
    }
}
