import GraphQL
import Testing

@Suite struct SchemaTests {
    @Test func whatIsPrintedReadsAsTheSame() throws {
        let printed = try Schema(PetSchema.text).printed
        #expect(try Schema(printed).printed == printed)
        #expect(printed.contains("directive @many(n: Int!) repeatable on FIELD"))
        #expect(printed.contains("input Choice @oneOf {"))
        #expect(printed.contains("old: String @deprecated(reason: \"gone\")"))
        #expect(printed.contains("\"\"\"A pet\"\"\"\ninterface Pet implements Named & Node {"))
        #expect(printed.contains("scalar Any @specifiedBy(url: \"https://example.com/any\")"))
        #expect(!printed.contains("__Type") && !printed.contains("scalar Int"))
    }

    @Test(arguments: [
        "a\"\"\"b", "  x", "x\n  y", "ends with \"", "ends with \\", "tab\there", "\u{7}", "", "a\n\nb", "  a\n  b",
    ])
    func descriptionsSurvive(text: String) throws {
        let quoted = text.unicodeScalars.map { "\\u{\(String($0.value, radix: 16))}" }.joined()
        let schema = try Schema("\"\(quoted)\" type Query { \"\(quoted)\" a(\"\(quoted)\" b: Int): Int }")
        let again = try Schema(schema.printed)
        for type in [schema.types["Query"], again.types["Query"]] {
            #expect(type?.description == text)
            #expect(type?.field("a")?.description == text)
            #expect(type?.field("a")?.argument("b")?.description == text)
        }
    }

    @Test func extensionsAndRootsAreMerged() throws {
        let schema = try Schema(
            """
            schema { query: Q } extend schema { mutation: M }
            type Q { a: Int } type M { b: Int } extend type Q implements I { c: Int } interface I { c: Int }
            enum E { A } extend enum E { B } union U = Q extend union U = M
            """)
        #expect(schema.queryType == "Q" && schema.mutationType == "M" && schema.subscriptionType == nil)
        #expect(schema.types["Q"]?.fields.map(\.name) == ["a", "c"])
        #expect(schema.types["E"]?.values.map(\.name) == ["A", "B"])
        #expect(schema.types["U"]?.members == ["Q", "M"])
        #expect(schema.printed.hasPrefix("schema {\n  query: Q\n  mutation: M\n}"))
    }

    /// Each text with a word of its error.
    @Test(arguments: [
        ("type A { a: Int }", "Query root type"), ("input Query { a: Int }", "must be an object"),
        ("type Query { a: Nope }", "Unknown type 'Nope'"), ("type Query { a: Int a: Int }", "once"),
        ("type Query { a: I } input I { b: Int }", "output type"), ("type Query { a(b: Query): Int }", "input type"),
        ("type Query { __a: Int }", "'__'"), ("type Query", "one or more fields"),
        ("type Query { a: Int } type Query { b: Int }", "only one type"),
        ("type Query implements I { a: Int } interface I { b: Int }", "does not provide"),
        ("type Query implements I { a: Int } interface I { a: Int! }", "expects type 'Int!'"),
        ("type Query implements I { a: Int } interface I { a(b: Int): Int }", "expects argument 'b'"),
        ("type Query implements I { a(b: String): Int } interface I { a(b: Int): Int }", "of type 'Int'"),
        ("type Query implements I { a(b: Int!): Int } interface I { a: Int }", "must not be required"),
        (
            "type Query implements J { a: Int } interface I { a: Int } interface J implements I { a: Int }",
            "must implement 'I'"
        ),
        ("type Query { a: Int } interface I implements I { a: Int }", "implement itself"),
        ("type Query implements Query { a: Int }", "only implement interfaces"),
        ("type Query { a: U } union U = Int", "only include object types"),
        ("type Query { a: U } union U", "one or more members"), ("type Query { a: E } enum E", "one or more values"),
        ("type Query { a: E } enum E { A A }", "once"),
        ("type Query { a(b: I): Int } input I { c: I! }", "needs itself"),
        ("type Query { a(b: I): Int } input I { c: J! } input J { d: I! }", "needs itself"),
        ("type Query { a(b: I): Int } input I { c: J = {} } input J { d: I = {} }", "needs itself"),
        ("type Query { a(b: I): Int } input I @oneOf { c: Int! }", "nullable"),
        ("type Query { a(b: I): Int } input I @oneOf { c: Int = 1 }", "no default"),
        ("type Query { a(b: Int = \"x\"): Int }", "invalid default"),
        ("type Query { a(b: Int! @deprecated): Int }", "cannot be deprecated"),
        ("type Query { a: Int @nope }", "Unknown directive"),
        ("type Query @deprecated { a: Int }", "may not be used on OBJECT"),
        ("type Query { a: Int @deprecated @deprecated }", "only be used once"),
        ("scalar S @specifiedBy type Query { a: S }", "is required"),
        ("extend type Query { a: Int }", "not defined"),
        ("type Query { a: Int } extend enum Query { A }", "another kind"),
        ("type Query { a: Int } { a }", "no operations"),
        ("type Query { a: Int @cost(weight: \"x\") }", "Int cannot represent"),
        ("schema { query: Query query: Query } type Query { a: Int }", "only one query type"),
        ("type Query { a: ", "Syntax Error"),
    ])
    func whatIsWrongIsSaid(text: String, words: String) {
        let error = #expect(throws: SchemaErrors.self) { try Schema(text) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func resolversAndFieldsMustFit() throws {
        let schema = try Schema("type Query { a: Int b: Int }")
        var resolvers = Resolvers<Void>()
        resolvers.root("Query") { $0.field("a") { _, _ in 1 } }
        resolvers.root("Query") { $0.field("c") { _, _ in 1 } }
        let error = #expect(throws: SchemaErrors.self) { _ = try Executor(schema: schema, resolvers: resolvers) }
        #expect(
            error?.errors.map(\.message) == ["'Query.b' has no resolver.", "There is no field 'Query.c' to resolve."])
    }
}
