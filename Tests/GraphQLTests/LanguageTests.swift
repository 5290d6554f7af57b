import GraphQL
import JSON
import Testing

@Suite struct LanguageTests {
    private static let schema = try! Schema("type Query { s(v: String): String a: Query }")

    /// The value of a string literal, by way of an executed document.
    private func value(of literal: String) async throws -> String? {
        var resolvers = Resolvers<Void>()
        resolvers.root("Query") { query in
            query.field("s") { _, call in call.arguments.string("v") }
            query.field("a") { _, _ in Output.null }
        }
        let executor = try Executor(schema: Self.schema, resolvers: resolvers)
        let response = await executor.execute(try Self.schema.prepare("{ s(v: \(literal)) }"), context: ())
        guard case .leaf(let value)? = response.data?["s"] else { return nil }
        return value.string
    }

    @Test(arguments: [
        (#""\u00e9\u{1F600}\uD83D\uDE00\/\\\"\n""#, "é😀😀/\\\"\n"),
        ("\"\"", ""),
        ("\"\"\"abc\"\"\"", "abc"),
        (
            "\"\"\"\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \"\"\"",
            "Hello,\n  World!\n\nYours,\n  GraphQL."
        ),
        ("\"\"\"\r\n  a\r  b\n \"\"\"", "a\nb"),
        ("\"\"\" first\n  second\"\"\"", " first\nsecond"),
        ("\"\"\"\n\n   \n\"\"\"", ""),
        (#""""a \""" b""""#, "a \"\"\" b"),
        ("\"\"\"\n\ta\n\t\tb\n\"\"\"", "a\n\tb"),
    ])
    func stringsAreRead(literal: String, expected: String) async throws {
        #expect(try await value(of: literal) == expected)
    }

    @Test(arguments: [
        ("{ s(v: \"\\q\") }", 1, 9), ("{\n  s(\n", 3, 1), ("{ s\r\n ? }", 2, 2), ("# é\n{ é }", 2, 3),
        ("{ \"é\" ? }", 1, 3),
        ("{ s(v: \"é\") ? }", 1, 13),
    ])
    func errorsHaveTheirPlace(text: String, line: Int, column: Int) {
        let error = #expect(throws: RequestErrors.self) { try Self.schema.prepare(text) }
        #expect(error?.errors.first?.locations == [SourceLocation(line: line, column: column)])
        #expect(error?.errors.first?.extensions["code"] == "GRAPHQL_PARSE_FAILED")
    }

    /// Whatever is nested a hundred thousand times ends with an error: no stack is long enough to follow it.
    @Test(arguments: ["{a", "{...{", "{s(v:[", "{s(v:{a:", "query($a:[", "{a(v:{a:["])
    func whatIsNestedWithoutEndIsRefused(piece: String) {
        var limits = DocumentLimits()
        limits.tokens = 1_000_000
        for text in [String(repeating: piece, count: 100_000), "query Q" + String(repeating: piece, count: 100_000)] {
            let error = #expect(throws: RequestErrors.self) { try Self.schema.prepare(text, limits: limits) }
            #expect(error?.errors.first?.message.hasPrefix("Syntax Error") == true)
        }
        let nested = "{ s(v: " + String(repeating: "[", count: 100_000)
        #expect(throws: RequestErrors.self) { try Self.schema.prepare(nested, limits: limits) }
    }

    @Test func tokensAreCounted() {
        var limits = DocumentLimits()
        limits.tokens = 10
        #expect(throws: Never.self) { try Self.schema.prepare("{ s a { s } }", limits: limits) }
        let error = #expect(throws: RequestErrors.self) {
            try Self.schema.prepare("{ s s s s s s s s s s }", limits: limits)
        }
        #expect(error?.errors.first?.message.contains("more than 10 tokens") == true)
    }

    @Test func commentsCommasAndMarksAreNothing() throws {
        let document = try Self.schema.prepare("\u{FEFF}#x\n,,{,s,#}\n\ta{s}}\r\n")
        #expect(document.document.operations.count == 1)
    }
}
