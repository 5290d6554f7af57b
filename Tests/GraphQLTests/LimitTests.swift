import GraphQL
import JSON
import Testing

@Suite struct LimitTests {
    private static let schema = try! Schema(
        """
        type Query {
            a: Query
            n: Int
            heavy: Int @cost(weight: 10)
            free: Query @cost(weight: 0)
            list(first: Int = 5): [Query] @listSize(slicingArguments: ["first"])
            page(first: Int): Page @listSize(assumedSize: 20, slicingArguments: ["first"], sizedFields: ["edges"])
        }
        type Page { edges: [Edge] total: Int }
        type Edge { node: Query }
        """)

    private func code(_ text: String, _ change: (inout DocumentLimits) -> Void) -> (code: JSONValue?, message: String)?
    {
        var limits = DocumentLimits()
        change(&limits)
        do throws(RequestErrors) {
            _ = try Self.schema.prepare(text, limits: limits)
            return nil
        } catch {
            return (error.errors[0].extensions["code"], error.errors[0].message)
        }
    }

    @Test func depthCountsThroughFragments() {
        #expect(code("{ a { a { n } } }") { $0.depth = 3 } == nil)
        let deep = code("{ a { ...F } } fragment F on Query { ... { a { n a { n } } } }") { $0.depth = 3 }
        #expect(deep?.code == "DEPTH_LIMIT")
        #expect(deep?.message == "The operation's depth is 4, which is more than the limit of 3.")
    }

    @Test func rootFieldsAndAliasesCountThroughFragments() {
        #expect(code("{ n ...F ...F } fragment F on Query { x: n }") { $0.rootFields = 2 }?.code == "ROOT_FIELD_LIMIT")
        #expect(code("{ n ...F } fragment F on Query { x: n }") { $0.rootFields = 2 } == nil)
        #expect(code("{ x: n a { y: n } }") { $0.aliases = 1 }?.code == "ALIAS_LIMIT")
        #expect(code("{ x: n a { n } }") { $0.aliases = 1 } == nil)
    }

    @Test func introspectionCanBeSwitchedOff() {
        #expect(code("{ __schema { description } }") { $0.introspection = false }?.code == "INTROSPECTION_DISABLED")
        #expect(
            code("{ ...F } fragment F on Query { __type(name: \"Query\") { name } }") { $0.introspection = false }
                != nil)
        #expect(code("{ __typename a { __typename } }") { $0.introspection = false } == nil)
    }

    /// Each level of introspection's lists multiplies the answer.
    @Test func introspectionIsNotNestedWithoutEnd() {
        let types =
            "{ __schema { types { fields { args { type { ...T } } type { ...T } } inputFields { type { ...T } } } } }"
        let two = " fragment T on __Type { kind ofType { name ofType { name interfaces { name } } } }"
        #expect(code(types + two) { $0.depth = 15 } == nil)
        let three = " fragment T on __Type { ofType { fields { type { fields { name } } } } }"
        let refused = code(types + three) { $0.depth = 15 }
        #expect(refused?.code == "INTROSPECTION_LIMIT" && refused?.message.contains("is 3") == true)
    }

    @Test func errorsEndAtTheirLimit() throws {
        var limits = DocumentLimits()
        limits.errors = 3
        let text = "{ " + (0..<50).map { "nope\($0)" }.joined(separator: " ") + " }"
        let errors = #expect(throws: RequestErrors.self) { try Self.schema.prepare(text, limits: limits) }
        #expect(errors?.errors.count == 3)
        #expect(errors?.errors.last?.message.contains("Too many validation errors") == true)
    }

    /// A chain of fragments is as deep as a document: it is cut as well.
    @Test func chainsOfFragmentsAreCut() {
        var text = "{ ...F0 }"
        for number in 0..<3000 { text += " fragment F\(number) on Query { ...F\(number + 1) }" }
        text += " fragment F3000 on Query { n }"
        #expect(code(text) { $0.tokens = 100_000 }?.code == "NESTING_LIMIT")
        // A circle of as many is told as one.
        let circle = text.replacing("fragment F3000 on Query { n }", with: "fragment F3000 on Query { ...F0 }")
        #expect(
            code(circle) { $0.tokens = 100_000 }?.message.hasPrefix("Cannot spread fragment 'F0' within itself") == true
        )
    }

    /// Documents whose fields would be compared for years, pair by pair or path by path.
    @Test func overlapsAreJudgedInTime() {
        let same = "{ " + String(repeating: "a { n } ", count: 3000) + "}"
        #expect(code(same) { ($0.tokens, $0.rootFields) = (100_000, 100_000) } == nil)
        var doubling = "{ ...F0 }"
        for number in 0..<60 {
            doubling += " fragment F\(number) on Query { a { ...F\(number + 1) } a { ...F\(number + 1) n } }"
        }
        doubling += " fragment F60 on Query { n }"
        #expect(code(doubling) { ($0.tokens, $0.depth) = (100_000, 1000) } == nil)
        // An automaton whose states are sets of fields, one for each of the last thirteen steps having been x or y.
        var sets = "{ ...S0 }"
        for depth in 0..<14 {
            let next = "S\(depth + 1)"
            sets += " fragment S\(depth) on Query { x: a { ...\(next) ...Q0 } y: a { ...\(next) } }"
        }
        for state in 0..<13 {
            sets += " fragment Q\(state) on Query { x: a { ...Q\(state + 1) } y: a { ...Q\(state + 1) } }"
        }
        sets += " fragment S14 on Query { n } fragment Q13 on Query { n }"
        #expect(code(sets) { $0.depth = 100 }?.code == "OVERLAP_LIMIT")
    }

    private func cost(of text: String, variables: JSONObject = [:], limit: Int) async throws -> JSONValue? {
        var options = ExecutionOptions()
        options.costLimit = limit
        var resolvers = Resolvers<Void>()
        resolvers.json("Query", "Page", "Edge")
        let executor = try Executor(schema: Self.schema, resolvers: resolvers, options: options)
        let response = await executor.execute(try Self.schema.prepare(text), variables: variables, context: ())
        return response.errors.first?.extensions["value"]
    }

    @Test(arguments: [
        ("{ n }", 0), ("{ a { n } heavy }", 11), ("{ free { heavy } }", 10), ("{ list { heavy } }", 55),
        ("{ list(first: 3) { a { n } } }", 6),
        ("{ page { total edges { node { heavy } } } }", 1 + 20 * 12),
        ("{ page(first: 2) { edges { node { n } } } }", 1 + 2 * 2),
        ("query ($n: Int) { list(first: $n) { n } }", 7), ("query ($none: Int) { list(first: $none) { n } }", 5),
        ("{ list(first: -3) { n } }", 0),
        (
            "{ page(first: 2) { ...F } } fragment F on Page { edges { node { ...G ...G } } } fragment G on Query { heavy }",
            1 + 2 * 22
        ),
    ])
    func costsFollowListSizes(text: String, expected: Int) async throws {
        #expect(try await cost(of: text, variables: ["n": 7], limit: expected) == nil)
        let exceeded = try await cost(of: text, variables: ["n": 7], limit: expected - 1)
        #expect(exceeded?.int64 == Int64(expected))
    }

    @Test func costsDoNotOverflow() async throws {
        let lists = (0..<8).reduce("heavy") { inner, _ in "list(first: 2147483647) { \(inner) }" }
        #expect(try await cost(of: "{ \(lists) }", limit: 1000)?.int64 == .max)
    }
}
