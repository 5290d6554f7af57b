import Foundation
import JSON
import Randomness
import TestServers
import Testing

@testable import Schemas

/// Our verdicts on pairs of schemas against what `fastavro` does with data of the one when it reads them by the other.
@Suite(.blocking, .servers) struct FastavroTests {
    @Test func whatWeCallCompatibleIsReadAndWhatWeDontIsNot() async throws {
        var random = SeededGenerator.fromEnvironment("fastavro", usual: 18)
        var pairs: [(writer: AvroDocument, reader: AvroDocument)] = []
        for _ in 0..<TestTier.rounds(600) {
            var made = MadeSchema(random: random)
            let writer = made.schema()
            let reader = made.changed(writer)
            random = made.random
            pairs.append((AvroDocument(writer), AvroDocument(reader)))
        }
        let verdicts = try await Self.verdicts(pairs.map { ($0.text, $1.text) })
        var (readable, unreadable) = (0, 0)
        for (pair, verdict) in zip(pairs, verdicts) {
            let flaws = AvroCompatibility.flaws(reader: pair.reader, writer: pair.writer)
            #expect(
                flaws.isEmpty == (verdict == nil),
                "\(pair.writer.text) as \(pair.reader.text): \(flaws) \(verdict ?? "")")
            if flaws.isEmpty { readable += 1 } else { unreadable += 1 }
        }
        // The pairs are of both kinds.
        #expect(min(readable, unreadable) > pairs.count / 10)
    }

    /// - Returns: for each pair nil, or what `fastavro` said of data that it couldn't read.
    private static func verdicts(_ pairs: [(writer: String, reader: String)]) async throws -> [String?] {
        let lines = pairs.map { JSONValue.array([.string($0), .string($1)]).bytes }
        return try await PythonProgram("fastavro", script).answers(to: lines).map { try JSONValue(parsing: $0).string }
    }

    /// Makes values of the writer's schema that take every branch and every symbol, and reads each.
    private static let script = #"""
        import io, itertools, json, sys
        from fastavro import parse_schema, schemaless_reader, schemaless_writer

        def branch(schema):
            return schema if isinstance(schema, str) else schema.get("name", schema["type"])

        def values(schema, names):
            if isinstance(schema, str):
                simple = {"null": [None], "boolean": [True], "int": [1, -1], "long": [1 << 40], "float": [1.5],
                          "double": [2.5], "bytes": [b"b"], "string": ["s"]}
                return simple[schema] if schema in simple else values(names[schema], names)
            if isinstance(schema, list):
                # Named: an enum's symbol is a string too.
                return [(branch(part), value) for part in schema for value in values(part, names)]
            kind = schema["type"]
            if "name" in schema:
                names[schema["name"]] = schema
            if kind == "array":
                return [[value] for value in values(schema["items"], names)] + [[]]
            if kind == "map":
                return [{"k": value} for value in values(schema["values"], names)]
            if kind == "enum":
                return schema["symbols"]
            if kind == "fixed":
                return [b"x" * schema["size"]]
            if kind == "record":
                fields = [values(field["type"], names) for field in schema["fields"]]
                count = max((len(field) for field in fields), default=1)
                return [{field["name"]: these[turn % len(these)] for field, these in zip(schema["fields"], fields)}
                        for turn in range(count)]
            return values(kind, names)

        for line in sys.stdin:
            writer, reader = (json.loads(text) for text in json.loads(line))
            verdict = None
            for value in values(writer, {}):
                data = io.BytesIO()
                schemaless_writer(data, writer, value)
                data.seek(0)
                try:
                    schemaless_reader(data, writer, reader)
                except Exception as error:
                    verdict = f"{type(error).__name__}: {error}"
            print(json.dumps(verdict))
        """#
}

/// Schemas at random, and what becomes of them.
private struct MadeSchema {
    var random: SeededGenerator
    private var names = 0

    init(random: SeededGenerator) { self.random = random }

    private static let primitives: [AvroSchema] = [
        .null, .boolean, .int, .long, .float, .double, .bytes, .string,
    ]

    /// A record, so that fields come and go.
    mutating func schema() -> AvroSchema { record(depth: 2) }

    private mutating func name(_ kind: String) -> String {
        names += 1
        return "\(kind)\(names)"
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func any(depth: Int) -> AvroSchema {
        switch Int.random(in: 0..<(depth > 0 ? 12 : 6), using: &random) {
        case 0...4: primitive()
        case 5: chance(50) ? enumeration() : .fixed(AvroFixed(name("F"), size: Int.random(in: 1...3, using: &random)))
        case 6: .array(any(depth: depth - 1))
        case 7: .map(any(depth: depth - 1))
        case 8, 9: .union([.null, primitive(from: 1), enumeration()].shuffled(using: &random))
        default: record(depth: depth - 1)
        }
    }

    private mutating func primitive(from first: Int = 0) -> AvroSchema {
        Self.primitives[Int.random(in: first..<Self.primitives.count, using: &random)]
    }

    private mutating func enumeration() -> AvroSchema {
        let symbols = Array(["A", "B", "C"].prefix(Int.random(in: 1...3, using: &random)))
        return .enumeration(AvroEnumeration(name("E"), symbols, defaultSymbol: chance(30) ? symbols[0] : nil))
    }

    private mutating func record(depth: Int) -> AvroSchema {
        var fields: [AvroField] = []
        for number in 0..<Int.random(in: 1...4, using: &random) { fields.append(field("f\(number)", depth: depth)) }
        return .record(AvroRecord(name("R"), fields))
    }

    private mutating func field(_ name: String, depth: Int) -> AvroField { AvroField(name, any(depth: depth)) }

    /// The schema with one or more changes somewhere, or none.
    mutating func changed(_ schema: AvroSchema) -> AvroSchema {
        switch schema {
        case .record(let record):
            var fields = record.fields.map { field in
                AvroField(
                    field.name, chance(60) ? field.schema : changed(field.schema), aliases: field.aliases,
                    defaultValue: field.defaultValue)
            }
            if chance(15), fields.count > 1 { fields.remove(at: Int.random(in: fields.indices, using: &random)) }
            if chance(10) { fields.append(AvroField("more", .int)) }
            if chance(20) { fields.append(AvroField("extra", .union([.null, .string]), defaultValue: "null")) }
            if chance(15), let first = fields.first {
                fields[0] = AvroField("renamed", first.schema, aliases: chance(60) ? [first.name] : [])
            }
            if chance(20) { fields.shuffle(using: &random) }
            return .record(AvroRecord(record.fullName, fields))
        case .enumeration(let enumeration):
            var symbols = enumeration.symbols
            if chance(40) { symbols.append("D") }
            if chance(40), symbols.count > 1 { symbols.removeFirst() }
            let fallback = enumeration.defaultSymbol.flatMap { symbols.contains($0) ? $0 : nil }
            return .enumeration(AvroEnumeration(enumeration.fullName, symbols, defaultSymbol: fallback))
        case .fixed(let fixed): return .fixed(AvroFixed(fixed.fullName, size: fixed.size + (chance(30) ? 1 : 0)))
        case .array(let element): return .array(changed(element))
        case .map(let value): return .map(changed(value))
        case .union(let branches):
            var changed = branches.shuffled(using: &random)
            if chance(30) { changed.removeLast() }
            return chance(15) ? branches[0] : .union(changed)
        default: return chance(50) ? primitive() : .union(schema == .null ? [.null] : [.null, schema])
        }
    }
}
