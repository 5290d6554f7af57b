import Testing

@testable import Schemas

/// Schemas that others have written.
@Suite struct SchemaParserTests {
    @Test func aFileOfSomebodyElse() throws {
        let file = try ProtoFile(
            parsing: """
                // Copyright; a "text" and a { in a comment.
                syntax = "proto3"; /* more
                  message Not { } */
                package com.shop.v1;
                import public "google/protobuf/timestamp.proto";
                import 'other.proto';
                option java_package = "com.shop";
                option (custom).thing = { a: 1, b: { c: "}" } };
                enum Kind { option allow_alias = true; KIND_UNKNOWN = 0; KIND_A = 1 [deprecated = true]; KIND_B = -0x10; reserved 5 to max; }
                service Orders { rpc Get (A) returns (B) { option (x) = {a: 1}; } }
                message Order {
                  option deprecated = true;
                  reserved 2, 9 to 11; reserved "old", 'older';
                  string id = 1 [json_name = "ID", (validate.rules).string = {min_len: 1}];
                  optional sint32 delta = 3; repeated Kind kinds = 4 [packed = true];
                  map<string, Line> lines_by_sku = 5;
                  oneof paid_by { option (a) = 1; string card = 6; .com.shop.v1.Order.Line line = 07; }
                  message Line { bytes raw = 1; google.protobuf.Timestamp at = 0x2; };
                  enum Inner { ZERO = 0; }
                  Inner inner = 8;
                }
                """)
        #expect(file.package == "com.shop.v1" && file.imports == ["google/protobuf/timestamp.proto", "other.proto"])
        #expect(file.enums.map { $0.values.map(\.number) } == [[0, 1, -16]])
        let order = try #require(file.messages.first)
        #expect(order.fields.map(\.number) == [1, 3, 4, 5, 6, 7, 8])
        #expect(order.fields.map(\.jsonName) == ["ID", "delta", "kinds", "linesBySku", "card", "line", "inner"])
        #expect(order.fields.compactMap(\.oneof) == ["paid_by", "paid_by"])
        #expect(order.fields[3].type == .map(.string, .named("Line")))
        #expect(order.fields[1].label == .optional && order.fields[2].label == .repeated)
        #expect(order.reservedNumbers == [2...2, 9...11] && order.reservedNames == ["old", "older"])
        let path = file.path(of: order)
        #expect(path == "com.shop.v1.Order")
        guard case .message(let line, "com.shop.v1.Order.Line") = file.resolve("Line", in: path),
            case .message(line, _) = file.resolve(".com.shop.v1.Order.Line", in: path),
            case .message(line, _) = file.resolve("v1.Order.Line", in: path),
            case .enumeration(_, "com.shop.v1.Kind") = file.resolve("Kind", in: path),
            case .enumeration(_, "com.shop.v1.Order.Inner") = file.resolve("Inner", in: path),
            case .wellKnown("google.protobuf.Timestamp") = file.resolve("google.protobuf.Timestamp", in: path)
        else {
            Issue.record("a name isn't found where it is declared")
            return
        }
        #expect(file.resolve("Elsewhere", in: path) == nil && file.resolve(".Line", in: path) == nil)
        #expect(try ProtoFile(parsing: file.text) == file)
    }

    @Test func theOlderLanguage() throws {
        let file = try ProtoFile(
            parsing:
                "message M { required int32 a = 1; optional string b = 2 [default = \"x\\\"]\"]; extensions 100 to 199; }"
        )
        #expect(file.syntax == .proto2 && file.messages[0].fields.map(\.label) == [.required, .optional])
    }

    @Test func whatIsNoProtoFileIsSaidWithTheLine() {
        let table: [(text: String, words: String)] = [
            ("syntax = \"proto4\";", "line 1: syntax proto4"), ("edition = \"2023\";", "editions aren't read"),
            ("syntax = \"proto3\";\nmessage {}", "line 2: expected a name"),
            ("message M { string a = 1 }", "expected ;"), ("message M { string a = x; }", "expected a whole number"),
            ("message M { string a = 1; string a = 2; }", "a is a field twice in M"),
            ("message M { string a = 1; string b = 1; }", "1 is a number twice in M"),
            ("message M { string a = 0; }", "a has the number 0"),
            ("message M { string a = 99999999999999999999; }", "expected a whole number"),
            ("message M { group G = 1 {} }", "groups aren't read"), ("message M {", "expected a field of M"),
            ("message M {} message M {}", "M is declared twice"), ("import \"a", "a text without its end"),
            ("/* never", "a comment without its end"), ("option x = {", "ends too early"), ("}", "expected a name"),
            ("enum E { A = 4294967296; }", "A is beyond 32 bits"),
            ("message M { reserved 5 to 2; }", "reserved 5 to 2"),
            ("message M { string a = 1 [", "options without their end"), ("what is this", "unexpected what"),
            (String(repeating: "message M {", count: 40), "messages in messages beyond 32"),
            (String(repeating: " ", count: 2 << 20), "2097152 bytes, more than 1048576"),
        ]
        for (text, words) in table {
            #expect("\(text.prefix(60))") { _ = try ProtoFile(parsing: text) } throws: {
                "\($0)".contains(words)
            }
        }
    }

    @Test func anAvroSchemaOfSomebodyElse() throws {
        let document = try AvroDocument(
            parsing: """
                {"type": "record", "name": "com.shop.Order", "aliases": ["Purchase"], "unknown": 1, "fields": [
                  {"name": "id", "type": {"type": "string", "avro.java.string": "String"}},
                  {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"], "default": "A"}},
                  {"name": "other", "type": ["null", "Kind", "com.shop.Order"], "default": null},
                  {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
                  {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "long"}}, "order": "ignore"},
                  {"name": "key", "type": {"type": "fixed", "name": "other.Key", "size": 16}, "aliases": ["k"]}]}
                """)
        guard case .record(let record) = document.root else { throw SchemaSyntaxError("no record") }
        #expect(record.fullName == "com.shop.Order" && record.aliases == ["com.shop.Purchase"])
        #expect(record.fields[0].schema == .string)
        #expect(record.fields[2].schema == .union([.null, .named("com.shop.Kind"), .named("com.shop.Order")]))
        #expect(record.fields[2].defaultValue == "null" && record.fields[0].defaultValue == nil)
        #expect(record.fields[3].schema == .logical(AvroLogicalType("decimal", precision: 9, scale: 2), .bytes))
        #expect(document.resolve(.named("com.shop.Order")) == document.root && document.names.count == 3)
        #expect(try AvroDocument(parsing: document.text) == document)
        #expect(try AvroDocument(parsing: "\"string\"").root == .string)
        #expect(try AvroDocument(parsing: "long").root == .long)
    }

    @Test func whatIsNoAvroSchemaIsSaidWithThePlace() {
        let table: [(text: String, words: String)] = [
            ("{", "expected a member name"), ("5", "/ is no schema"),
            ("\"strong\"", "names strong, which isn't declared"),
            (#"{"name": "x"}"#, "has no type"), (#"{"type": "array"}"#, "/ has no items"),
            (#"["int", "int"]"#, "/1 is the second int of a union"),
            (#"["int", ["null"]]"#, "/1 is a union in a union"),
            (#"{"type": "record", "name": "R"}"#, "has no fields"),
            (#"{"type": "record", "fields": []}"#, "has no name"),
            (#"{"type": "record", "name": "R", "fields": [{"name": "a"}]}"#, "/fields/0 needs a name and a type"),
            (
                #"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "S"}]}"#,
                "/fields/0/type names S, which isn't declared before"
            ),
            (
                #"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
                "/fields/1 has the name of another"
            ),
            (#"{"type": "enum", "name": "E", "symbols": []}"#, "needs symbols"),
            (#"{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}"#, "has a default that is no symbol"),
            (#"{"type": "fixed", "name": "F", "size": -1}"#, "needs a size"),
            (#"{"type": "record", "name": "int", "fields": []}"#, "declares int again"),
            (String(repeating: #"{"type":"array","items":"#, count: 80), "nests deeper"),
        ]
        for (text, words) in table {
            #expect("\(text.prefix(60))") { _ = try AvroDocument(parsing: text) } throws: {
                $0 is SchemaSyntaxError && "\($0)".contains(words)
            }
        }
    }
}
