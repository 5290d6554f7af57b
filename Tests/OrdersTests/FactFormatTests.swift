import JSON
import Orders
import Schemas
import Testing
import WireFormats

/// Our facts and commands in the formats that go by schemas.
@Suite struct FactFormatTests {
    private static let all =
        EveryFact.ofOrders.map { ($0.payload as any MessagePayload, $0.json) }
        + EveryFact.ofUsers.map { ($0.payload, $0.json) }
        + EveryFact.ofBatches.map { ($0.payload, $0.json) }

    @Test func eachComesBackAsTheSameFact() throws {
        let catalogue = try EveryFact.catalogue()
        for (payload, json) in Self.all {
            let type = type(of: payload)
            let plan = RecordPlan(try type.schema)
            let avro = try AvroPlan(AvroDocument(try type.schema), as: plan)
            let (protobufBytes, avroBytes) = (PayloadBuffer(), PayloadBuffer())
            try Array(json.utf8).withUnsafeBytes {
                try ProtobufEncoder.append($0, plan, to: protobufBytes)
                try AvroEncoder.append($0, plan, to: avroBytes)
            }
            let back = [
                try protobufBytes.array().withUnsafeBytes { try ProtobufDecoder.json($0, plan, limit: 10_000) },
                try avroBytes.array().withUnsafeBytes { try AvroDecoder.json($0, by: avro, limit: 10_000) },
            ]
            for bytes in back {
                #expect(try JSONValue(parsing: bytes) == JSONValue(parsing: json))
                let read = try catalogue.decode(type.type, EncodedPayload(bytes, schemaVersion: type.version))
                #expect(read.map { AnyHashable($0) } == AnyHashable(payload), "\(type.type)")
            }
        }
    }
}
