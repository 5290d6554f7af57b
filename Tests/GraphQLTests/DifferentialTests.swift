import Foundation
import GraphQL
import JSON
import Randomness
import Testing

/// Held against graphql-core: verdicts of parsing with their place, places of all errors of validation, and results of
/// execution. scripts/bootstrap installs it.
@Suite struct DifferentialTests {
    private struct Case {
        let document: String
        let variables: JSONObject
    }

    @Test func generatedDocumentsGetTheSameVerdictsAndResults() async throws {
        let schema = try Schema(PetSchema.text)
        var generator = DocumentGenerator(schema: schema, random: .fromEnvironment(usual: 20_260_901))
        var cases: [Case] = []
        for number in 0..<TestTier.rounds(5000) {
            var document = generator.document()
            var variables = JSONObject()
            for (name, literal) in generator.variableValues() { variables[name] = try JSONValue(parsing: literal) }
            if number % 2 == 1 { document = generator.mutated(document) }
            cases.append(Case(document: document, variables: variables))
        }
        let counts = try await compare(cases)
        print("compared \(counts)")
        // The half that is made from the schema is mostly right, and the other half mostly wrong.
        #expect(counts.executed > cases.count / 4)
        #expect(counts.refused > cases.count / 8)
        #expect(counts.unparsed > cases.count / 20)
    }

    @Test func theCorpusGetsTheSameVerdictsAndResults() async throws {
        let cases = Corpus.documents.map { Case(document: $0, variables: ["id": "1", "n": 2, "f": ["must": true]]) }
        let counts = try await compare(cases)
        print("compared \(counts)")
        #expect(counts.executed > 20 && counts.refused > 60 && counts.unparsed > 40)
    }

    private struct Counts { var executed = 0, refused = 0, unparsed = 0 }

    private func compare(_ cases: [Case]) async throws -> Counts {
        let requests = cases.map { test -> JSONValue in
            ["document": .string(test.document), "variables": .object(test.variables)]
        }
        let executor = try PetSchema.executor()
        async let reference = Reference.answers(schema: PetSchema.text, data: PetSchema.data, requests: requests)
        var own: [(prepared: Result<PreparedDocument, RequestErrors>, response: Response?)] = []
        var limits = DocumentLimits()
        (limits.depth, limits.rootFields, limits.aliases, limits.errors) = (1000, 1000, 1000, 100_000)
        for test in cases {
            let prepared = Result { () throws(RequestErrors) in
                try executor.schema.prepare(test.document, limits: limits)
            }
            var response: Response?
            if case .success(let document) = prepared, !test.document.hasPrefix("subscription") {
                response = await executor.execute(
                    document, variables: test.variables, context: (), root: PetSchema.data)
            }
            own.append((prepared, response))
        }
        let answers = try await reference
        try #require(answers.count == cases.count)
        var counts = Counts()
        var differences = 0
        for (test, (answer, mine)) in zip(cases, zip(answers, own)) {
            if answer.syntaxError != nil {
                counts.unparsed += 1
            } else if !answer.isValid {
                counts.refused += 1
            } else {
                counts.executed += 1
            }
            guard let difference = Self.difference(answer, mine.prepared, mine.response) else { continue }
            differences += 1
            if differences <= 15 {
                Issue.record("\(difference)\n\(test.document)\nvariables: \(JSONValue.object(test.variables))")
            }
        }
        #expect(differences == 0)
        return counts
    }

    private static func difference(
        _ answer: Reference.Answer, _ prepared: Result<PreparedDocument, RequestErrors>, _ response: Response?
    ) -> String? {
        switch prepared {
        case .failure(let refused):
            let syntax = refused.errors.first { $0.message.hasPrefix("Syntax Error") }
            if let syntax {
                let place = syntax.locations.flatMap { [Int64($0.line), Int64($0.column)] }
                guard let theirs = answer.syntaxError else { return "parses there, here: \(syntax)" }
                return theirs == place ? nil : "syntax error at \(theirs), here: \(syntax)"
            }
            if let place = answer.syntaxError { return "doesn't parse there (\(place)), here: \(refused)" }
            if answer.isValid { return "valid there, here: \(refused)" }
            // Which of two fragments a name stands for is up to the implementation, and so is all that follows from it.
            if refused.errors.contains(where: { $0.message.hasPrefix("There can be only one fragment") }) { return nil }
            let overlaps = refused.errors.contains { $0.message.hasPrefix("Fields '") }
            // Where fragments go in circles, what would follow them is not judged here.
            let circles = refused.errors.contains {
                $0.message.hasPrefix("Cannot spread fragment") && $0.message.contains("within itself")
            }
            if !circles, overlaps != answer.overlaps {
                return "overlaps there: \(answer.overlaps) \(answer.messages), here: \(refused)"
            }
            let places = Set(refused.errors.filter { !$0.message.hasPrefix("Fields '") }.map(Self.places))
            // It forgets the place of a list or object that is given for a scalar.
            let theirs = answer.places.subtracting(["[]"])
            let same =
                if circles {
                    places.isSubset(of: theirs)
                } else if answer.places.contains("[]") {
                    theirs.isSubset(of: places)
                } else {
                    theirs == places
                }
            return same ? nil : "errors there: \(answer.places) \(answer.messages), here: \(refused)"
        case .success:
            if let place = answer.syntaxError { return "doesn't parse there (\(place))" }
            guard answer.isValid else { return "invalid there: \(answer.messages)" }
            return response.flatMap { difference(answer, $0) }
        }
    }

    private static func places(_ error: GraphQLError) -> String {
        let sorted = error.locations.map { [$0.line, $0.column] }.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
        return "[" + sorted.map { "[\($0[0]),\($0[1])]" }.joined(separator: ",") + "]"
    }

    private static func difference(_ answer: Reference.Answer, _ response: Response) -> String? {
        let written = (try? JSONValue(parsing: response.bytes, depthLimit: 512)) ?? .null
        let data = written["data"] ?? .null
        guard Self.same(data, answer.data ?? .null) else {
            return "data there: \(answer.data ?? .null) \(answer.messages)\nhere: \(written)"
        }
        let mine = Set(response.errors.map { nullPlace($0.path, in: data) })
        let theirs = Set(
            (answer.paths ?? []).map { path in
                nullPlace(
                    (path.array ?? []).map { $0.int64.map { .index(Int($0)) } ?? .key($0.string ?? "") }, in: data)
            })
        return mine == theirs ? nil : "errors there: \(answer.paths ?? []) \(answer.messages)\nhere: \(written)"
    }

    /// Where an error's null ended up. Of several errors that would null the same place only one is sure to be told.
    private static func nullPlace(_ path: [PathElement], in data: JSONValue) -> [PathElement] {
        var value = data
        for (depth, element) in path.enumerated() {
            if value.isNull { return Array(path.prefix(depth)) }
            switch element {
            case .key(let key): value = value[key] ?? .null
            case .index(let index): value = value[index] ?? .null
            }
        }
        return path
    }

    /// With members in the same order; numbers by their values. Arguments, which are echoed, have no order.
    private static func same(_ one: JSONValue, _ other: JSONValue, ordered: Bool = true) -> Bool {
        switch (one, other) {
        case (.number(let one), .number(let other)): return one.double == other.double
        case (.array(let one), .array(let other)):
            return one.count == other.count && zip(one, other).allSatisfy { same($0, $1, ordered: ordered) }
        case (.object(let one), .object(let other)):
            guard one.members.count == other.members.count else { return false }
            return zip(one.members, other.members).allSatisfy { mine, theirs in
                if mine.name == theirs.name, same(mine.value, theirs.value) { return true }
                return other[mine.name].map { same(mine.value, $0, ordered: false) } == true && isEcho(one)
            }
        default: return one == other
        }
    }

    private static func isEcho(_ object: JSONObject) -> Bool {
        let names: Set = [
            "int", "float", "string", "bool", "id", "kind", "list", "nested", "filter", "choice", "any", "many",
            "defaulted", "a", "b", "c", "name", "ages", "and", "not", "required", "must", "x", "y",
        ]
        return object.members.allSatisfy { names.contains($0.name) }
    }
}
