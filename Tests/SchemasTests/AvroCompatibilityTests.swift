import Testing

@testable import Schemas

/// What a change of an Avro schema may be: cases after Confluent's table of compatibility types ("Schema Evolution and
/// Compatibility") and the specification's rules ("Schema Resolution").
@Suite struct AvroCompatibilityTests {
    private static func record(_ fields: String) throws -> SchemaDefinition {
        .avro(try AvroDocument(parsing: #"{"type":"record","name":"M","namespace":"n","fields":[\#(fields)]}"#))
    }

    private static let a = #"{"name":"a","type":"string"}"#
    private static let optionalB = #"{"name":"b","type":["null","string"],"default":null}"#
    private static let requiredB = #"{"name":"b","type":"string"}"#

    /// Confluent's table: what each type of compatibility allows.
    @Test func theTableOfCompatibilityTypes() throws {
        let (a, optionalB, requiredB) = (Self.a, Self.optionalB, Self.requiredB)
        let table: [(what: String, old: String, new: String, backward: Bool, forward: Bool)] = [
            ("add an optional field", a, "\(a),\(optionalB)", true, true),
            ("delete an optional field", "\(a),\(optionalB)", a, true, true),
            ("add a field", a, "\(a),\(requiredB)", false, true),
            ("delete a field", "\(a),\(requiredB)", a, true, false),
        ]
        for (what, old, new, isBackward, isForward) in table {
            let (before, after) = (try Self.record(old), try Self.record(new))
            for mode in CompatibilityMode.allCases {
                let allowed =
                    switch mode {
                    case .none: true
                    case .backward, .backwardTransitive: isBackward
                    case .forward, .forwardTransitive: isForward
                    case .full, .fullTransitive: isBackward && isForward
                    }
                #expect(mode.flaws(of: after, after: before).isEmpty == allowed, "\(what), \(mode.rawValue)")
            }
        }
    }

    /// The specification's rules, by what the writer and the reader have.
    @Test func theRulesOfResolution() throws {
        func named(_ type: String, _ name: String, _ more: String) -> String {
            #"{"type":"\#(type)","name":"\#(name)",\#(more)}"#
        }
        let e = named("enum", "E", #""symbols":["A","B"]"#)
        let table: [(writer: String, reader: String, rule: String?)] = [
            (#""int""#, #""long""#, nil), (#""int""#, #""float""#, nil), (#""int""#, #""double""#, nil),
            (#""long""#, #""float""#, nil), (#""long""#, #""double""#, nil), (#""float""#, #""double""#, nil),
            (#""string""#, #""bytes""#, nil), (#""bytes""#, #""string""#, nil),
            (#""long""#, #""int""#, "type_mismatch"), (#""double""#, #""float""#, "type_mismatch"),
            (#""int""#, #""string""#, "type_mismatch"), (#""boolean""#, #""int""#, "type_mismatch"),
            (#""null""#, #""int""#, "type_mismatch"),
            (#"{"type":"array","items":"int"}"#, #"{"type":"array","items":"long"}"#, nil),
            (#"{"type":"array","items":"long"}"#, #"{"type":"array","items":"int"}"#, "type_mismatch"),
            (#"{"type":"map","values":"int"}"#, #"{"type":"map","values":"string"}"#, "type_mismatch"),
            (#"{"type":"map","values":"int"}"#, #"{"type":"array","items":"int"}"#, "type_mismatch"),
            (#""int""#, #"["null","int"]"#, nil), (#""int""#, #"["null","long"]"#, nil),
            (#""int""#, #"["null","string"]"#, "missing_union_branch"),
            (#"["null","int"]"#, #""int""#, "type_mismatch"), (#"["int"]"#, #""long""#, nil),
            (#"["null","int"]"#, #"["int","null"]"#, nil), (#"["null","int"]"#, #"["null","long","string"]"#, nil),
            (#"["null","int","string"]"#, #"["null","int"]"#, "missing_union_branch"),
            (e, named("enum", "E", #""symbols":["B","A","C"]"#), nil),
            (e, named("enum", "E", #""symbols":["A"]"#), "missing_enum_symbols"),
            (e, named("enum", "E", #""symbols":["A"],"default":"A""#), nil),
            (e, named("enum", "F", #""symbols":["A","B"]"#), "name_mismatch"),
            (e, named("enum", "F", #""symbols":["A","B"],"aliases":["E"]"#), nil),
            (e, named("enum", "other.E", #""symbols":["A","B"]"#), nil), (e, #""string""#, "type_mismatch"),
            (named("fixed", "F", #""size":4"#), named("fixed", "F", #""size":4"#), nil),
            (named("fixed", "F", #""size":4"#), named("fixed", "F", #""size":5"#), "fixed_size_mismatch"),
            (named("fixed", "F", #""size":4"#), named("fixed", "G", #""size":4"#), "name_mismatch"),
            (
                #"{"type":"long","logicalType":"timestamp-micros"}"#,
                #"{"type":"long","logicalType":"timestamp-millis"}"#,
                nil
            ),
            (
                named("record", "R", #""fields":[{"name":"old","type":"int"}]"#),
                named("record", "R", #""fields":[{"name":"new","type":"int","aliases":["old"]}]"#), nil
            ),
            (
                named("record", "R", #""fields":[{"name":"old","type":"int"}]"#),
                named("record", "R", #""fields":[{"name":"new","type":"int"}]"#), "reader_field_missing_default_value"
            ),
            (
                named("record", "R", #""fields":[]"#), named("record", "S", #""fields":[]"#), "name_mismatch"
            ),
            (
                named("record", "R", #""fields":[{"name":"next","type":["null","R"]},{"name":"n","type":"int"}]"#),
                named("record", "R", #""fields":[{"name":"next","type":["null","R"]},{"name":"n","type":"long"}]"#), nil
            ),
            (
                named("record", "R", #""fields":[{"name":"next","type":["null","R"]},{"name":"n","type":"long"}]"#),
                named("record", "R", #""fields":[{"name":"next","type":["null","R"]},{"name":"n","type":"int"}]"#),
                "type_mismatch"
            ),
        ]
        for (writer, reader, rule) in table {
            let flaws = AvroCompatibility.flaws(
                reader: try AvroDocument(parsing: reader), writer: try AvroDocument(parsing: writer))
            #expect(flaws.map(\.rule) == (rule.map { [$0] } ?? []), "\(writer) as \(reader)")
        }
    }

    @Test func whereItIsIsSaid() throws {
        let flaws = CompatibilityMode.backward.flaws(
            of: try Self.record(#"{"name":"list","type":{"type":"array","items":"int"}}"#),
            after: try Self.record(#"{"name":"list","type":{"type":"array","items":"long"}}"#))
        #expect(flaws.map(\.description) == ["/list/items type_mismatch: the writer's long is no int of the reader's"])
    }
}
