import Testing

@testable import Schemas

/// What our messages look like in the languages of schemas, and that these are read back as what was written.
@Suite struct SchemaTextTests {
    @Test func aMessageInProtocolBuffers() {
        #expect(
            ProtoFile(SampleMessages.parcel).text == """
                syntax = "proto3";

                package orderflow.v2;

                import "google/protobuf/timestamp.proto";

                // A parcel is gone.
                message ParcelLost {
                  reserved 3, 9;

                  string order_id = 1;
                  double weight = 2;
                  repeated Line lines = 4;
                  optional Line first = 5;
                  // Without taxes. Exact decimal text, with all digits that the currency has.
                  string price = 6;
                  google.protobuf.Timestamp at = 7;
                  int64 count = 8;
                  optional bool insured = 10;
                  repeated string matrix = 11;
                  // JSON (RFC 8259) as text.
                  optional string more = 12;
                  repeated string tags = 13;

                  message Line {
                    // The article's.
                    string sku = 1;
                    int32 qty = 2;
                    optional google.protobuf.Timestamp seen_at = 3 [json_name = "seen_at"];
                  }
                }

                """)
    }

    @Test func aMessageInAvro() {
        #expect(
            AvroDocument(SampleMessages.parcel).prettyText == """
                {
                  "type": "record",
                  "name": "ParcelLost",
                  "namespace": "orderflow.avro.v2",
                  "doc": "A parcel is gone.",
                  "fields": [
                    {"name": "orderId", "type": "string"},
                    {"name": "weight", "type": "double"},
                    {
                      "name": "lines",
                      "type": {
                        "type": "array",
                        "items": {
                          "type": "record",
                          "name": "Line",
                          "fields": [
                            {"name": "sku", "doc": "The article's.", "type": "string"},
                            {"name": "qty", "type": "int"},
                            {
                              "name": "seen_at",
                              "type": [
                                "null",
                                {"type": "long", "logicalType": "timestamp-micros"}
                              ],
                              "default": null
                            }
                          ]
                        }
                      }
                    },
                    {"name": "first", "type": ["null","Line"], "default": null},
                    {"name": "price", "doc": "Without taxes. Exact decimal text, with all digits that the currency has.", "type": "string"},
                    {
                      "name": "at",
                      "type": {"type": "long", "logicalType": "timestamp-micros"}
                    },
                    {"name": "count", "type": "long"},
                    {"name": "insured", "type": ["null","boolean"], "default": null},
                    {
                      "name": "matrix",
                      "type": {
                        "type": "array",
                        "items": {"type": "array", "items": "int"}
                      }
                    },
                    {"name": "more", "doc": "JSON (RFC 8259) as text.", "type": ["null","string"], "default": null},
                    {
                      "name": "tags",
                      "type": [
                        "null",
                        {"type": "array", "items": "string"}
                      ],
                      "default": null
                    }
                  ]
                }

                """)
    }

    @Test func whatIsWrittenIsRead() throws {
        for schema in [SampleMessages.parcel, SampleMessages.plain] {
            for text in SchemaText.all([schema]) {
                let again = try SchemaDefinition(parsing: text.text, text.reference.format)
                switch (again, text.definition) {
                case (.avro(let read), .avro(let written)): #expect(read == written)
                case (.protobuf(let read), .protobuf(let written)):
                    // Comments aren't read.
                    let bare = written.text.split(separator: "\n", omittingEmptySubsequences: false).filter {
                        !$0.drop { $0 == " " }.hasPrefix("//")
                    }
                    #expect(read.text == bare.joined(separator: "\n"))
                default: Issue.record("\(text.reference) has changed its format")
                }
            }
            let document = AvroDocument(schema)
            #expect(try AvroDocument(parsing: document.prettyText) == document)
        }
        #expect(
            SchemaText.all([SampleMessages.parcel]).map(\.subject) == [
                "orderflow.v2.ParcelLost", "orderflow.avro.v2.ParcelLost",
            ])
    }

    @Test func namesHaveTheirWayBack() {
        for name in ["orderId", "sku", "a1B2", "aB", "Kind", "customerUrlText"] {
            #expect(ProtoNames.json(ProtoNames.field(name)) == name)
        }
        #expect(ProtoNames.field("orderId") == "order_id" && ProtoNames.json("order_id") == "orderId")
    }

    // MARK: Ids without a registry

    @Test func ownIDsFollowFromTheText() throws {
        let ids = try OwnSchemaIDs([SampleMessages.parcel, SampleMessages.plain])
        let reference = SchemaReference(type: "ParcelSent", version: 1, format: .avro)
        let id = try ids.id(of: reference)
        #expect(try ids.schema(of: id).reference == reference)
        #expect(OwnSchemaIDs.isOwn(id) && !OwnSchemaIDs.isOwn(1_073_741_823))
        // The same for ever: records of today have to be read.
        #expect(OwnSchemaIDs.id(of: "\"string\"") == 2_054_778_994)
        #expect(Set(ids.texts.map { OwnSchemaIDs.id(of: $0.text) }).count == 4)
        #expect(throws: SchemaLookupError.self) { try ids.schema(of: 5) }
        #expect(throws: SchemaLookupError.self) {
            try ids.id(of: SchemaReference(type: "ParcelSent", version: 2, format: .avro))
        }
    }

    @Test func mistakesInSchemasAreSaid() {
        func flaw(_ fields: [SchemaField], reserved: Set<Int> = []) -> String? {
            do {
                try MessageSchema("M", "", reserved: reserved, fields).validate()
                return nil
            } catch {
                return error.detail
            }
        }
        #expect(flaw([.init(1, "a", .text), .init(2, "b", .list(.record(SampleMessages.line)))]) == nil)
        #expect(flaw([.init(1, "a", .text), .init(1, "b", .text)]) == "/b of M has the number 1 of another")
        #expect(flaw([.init(1, "a", .text)], reserved: [1]) == "/a of M has the number 1 of another")
        #expect(flaw([.init(1, "aB", .text), .init(2, "a_b", .text)]) == "/a_b of M has the name of another")
        #expect(flaw([.init(0, "a", .text)])?.contains("needs a number") == true)
        #expect(flaw([.init(19_500, "a", .text)])?.contains("19000 to 19999") == true)
        #expect(flaw([.init(1, "a-b", .text)])?.contains("needs a name") == true)
        #expect(flaw([.init(1, "a", .record(RecordSchema("M", [])))]) == "two records are called M")
        #expect(flaw([.init(1, "a", .record(RecordSchema("R", [.init(1, "x", .text), .init(1, "y", .text)])))]) != nil)
    }
}
