import Testing

@testable import Schemas

/// What a change of a `.proto` file may be: cases after the Protocol Buffers Language Guide ("Updating A Message Type")
/// and Confluent's table of compatibility types ("Schema Evolution and Compatibility"), which names its rules alike.
@Suite struct ProtoCompatibilityTests {
    private struct Case {
        let what: String
        let old: String
        let new: String
        /// Readers by the new schema, of data by the old one; and the other way. Nil where there are no flaws.
        let backward: String?
        let forward: String?
    }

    /// The same verdict both ways.
    private static func same(_ what: String, _ old: String, _ new: String, _ rule: String? = nil) -> Case {
        Case(what: what, old: old, new: new, backward: rule, forward: rule)
    }

    private static let cases: [Case] = [
        same("a field is added", "string a = 1;", "string a = 1; string b = 2;"),
        same("a field is renamed", "string a = 1;", "string z = 1;"),
        same("a field is removed, its number reserved", "string a = 1; string b = 2;", "reserved 2; string a = 1;"),
        same("int32, uint32, int64, uint64 and bool: 1", "int32 a = 1;", "uint64 a = 1;"),
        same("int32, uint32, int64, uint64 and bool: 2", "bool a = 1;", "int64 a = 1;"),
        same("int32, uint32, int64, uint64 and bool: 3", "uint32 a = 1;", "int32 a = 1;"),
        same("an enum is an int32", "int32 a = 1;", "enum E { Z = 0; } E a = 1;"),
        same("sint32 and sint64", "sint32 a = 1;", "sint64 a = 1;"),
        same("sint32 is no int32", "sint32 a = 1;", "int32 a = 1;", "field_scalar_kind_changed"),
        same("string and bytes", "string a = 1;", "bytes a = 1;"),
        same("fixed32 and sfixed32", "fixed32 a = 1;", "sfixed32 a = 1;"),
        same("fixed64 and sfixed64", "fixed64 a = 1;", "sfixed64 a = 1;"),
        same("fixed32 is no fixed64", "fixed32 a = 1;", "fixed64 a = 1;", "field_scalar_kind_changed"),
        same("float is no double", "float a = 1;", "double a = 1;", "field_scalar_kind_changed"),
        same("double is no fixed64", "double a = 1;", "fixed64 a = 1;", "field_scalar_kind_changed"),
        same("int32 is no string", "int32 a = 1;", "string a = 1;", "field_scalar_kind_changed"),
        same("a number becomes a message", "int32 a = 1; message S {}", "S a = 1; message S {}", "field_kind_changed"),
        same("bytes become a message", "bytes a = 1; message S {}", "S a = 1; message S {}", "field_kind_changed"),
        same("one text or several", "string a = 1;", "repeated string a = 1;"),
        same("one message or several", "S a = 1; message S {}", "repeated S a = 1; message S {}"),
        same("one number or several", "int32 a = 1;", "repeated int32 a = 1;", "field_numeric_label_changed"),
        same("one bool or several", "bool a = 1;", "repeated bool a = 1;", "field_numeric_label_changed"),
        same("implicit or optional", "string a = 1;", "optional string a = 1;"),
        same("a field's number is another", "string a = 1;", "string a = 2;", "field_number_changed"),
        same(
            "maps of other values", "map<string, int32> a = 1;", "map<string, string> a = 1;",
            "field_scalar_kind_changed"),
        same("maps of wider values", "map<string, int32> a = 1;", "map<string, int64> a = 1;"),
        same("a map becomes a text", "map<string, int32> a = 1;", "string a = 1;", "field_kind_changed"),
        Case(
            what: "a message inside is gone, and its field", old: "S a = 1; message S {}", new: "reserved 1;",
            backward: "message_removed", forward: nil),
        same(
            "a message inside has another name", "S a = 1; message S {} message T {}",
            "T a = 1; message S {} message T {}", "field_named_type_changed"),
        same(
            "a message inside has changed", "S a = 1; message S { int32 x = 1; }",
            "S a = 1; message S { string x = 1; }",
            "field_scalar_kind_changed"),
        same("a message inside has more", "S a = 1; message S {}", "S a = 1; message S { string x = 1; }"),
        same("a message of itself", "M a = 1; int32 n = 2;", "M a = 1; int64 n = 2;"),
        same("one field becomes an alternative", "string a = 1;", "oneof g { string a = 1; int32 b = 2; }"),
        Case(
            what: "two fields become alternatives", old: "string a = 1; string b = 2;",
            new: "oneof g { string a = 1; string b = 2; }", backward: "multiple_fields_moved_to_oneof", forward: nil),
        Case(
            what: "a field joins alternatives", old: "string a = 1; oneof g { string b = 2; }",
            new: "oneof g { string b = 2; string a = 1; }", backward: "field_moved_to_existing_oneof", forward: nil),
        Case(
            what: "an alternative more", old: "oneof g { string a = 1; }",
            new: "oneof g { string a = 1; string b = 2; }",
            backward: nil, forward: "oneof_field_removed"),
        same("all alternatives go", "string x = 9; oneof g { string a = 1; }", "reserved 1; string x = 9;"),
        same(
            "a constant of an enum goes", "enum E { Z = 0; A = 1; } E a = 1;", "enum E { Z = 0; reserved 1; } E a = 1;"),
        Case(
            what: "a reserved number is used again", old: "reserved 2; string a = 1;",
            new: "string a = 1; string b = 2;",
            backward: "reserved_number_used", forward: nil),
        Case(
            what: "a reserved name is used again", old: "reserved \"b\"; string a = 1;",
            new: "string a = 1; string b = 2;", backward: "reserved_name_used", forward: nil),
    ]

    private static func file(_ body: String, _ syntax: String = "proto3") throws -> SchemaDefinition {
        .protobuf(try ProtoFile(parsing: "syntax = \"\(syntax)\"; package p; message M { \(body) }"))
    }

    @Test func changesAreJudgedAsPublished() throws {
        for one in Self.cases {
            let (old, new) = (try Self.file(one.old), try Self.file(one.new))
            let backward = CompatibilityMode.backward.flaws(of: new, after: old).map(\.rule)
            let forward = CompatibilityMode.forward.flaws(of: new, after: old).map(\.rule)
            #expect(backward == (one.backward.map { [$0] } ?? []), "backward: \(one.what)")
            #expect(forward == (one.forward.map { [$0] } ?? []), "forward: \(one.what)")
            #expect(CompatibilityMode.full.flaws(of: new, after: old).map(\.rule) == backward + forward)
            #expect(CompatibilityMode.none.flaws(of: new, after: old).isEmpty)
            #expect(CompatibilityMode.full.flaws(of: old, after: old).isEmpty)
        }
    }

    @Test func whatIsRequiredStaysSo() throws {
        let table: [(old: String, new: String, rule: String)] = [
            ("optional int32 a = 1;", "optional int32 a = 1; required int32 b = 2;", "required_field_added"),
            ("optional int32 a = 1; required int32 b = 2;", "optional int32 a = 1;", "required_field_removed"),
            ("optional int32 a = 1;", "required int32 a = 1;", "required_field_added"),
            ("required int32 a = 1;", "optional int32 a = 1;", "required_field_removed"),
        ]
        for (old, new, rule) in table {
            let flaws = CompatibilityMode.backward.flaws(
                of: try Self.file(new, "proto2"), after: try Self.file(old, "proto2"))
            #expect(flaws.map(\.rule) == [rule], "\(new)")
        }
    }

    @Test func whereItIsIsSaid() throws {
        let flaws = CompatibilityMode.backward.flaws(
            of: try Self.file("S s = 1; message S { string qty = 2; }"),
            after: try Self.file("S s = 1; message S { int32 qty = 2; }"))
        #expect(
            flaws.map(\.description) == [
                "/M/s/qty field_scalar_kind_changed: int32 is written otherwise than string"
            ])
    }
}
