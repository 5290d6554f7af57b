import JSON
import Randomness
import Schemas
import Testing

@testable import WireFormats

/// Both formats with schemas, payloads and bytes that nobody has thought of.
@Suite struct GeneratedTests {
    @Test func whatGoesOutComesBack() throws {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(200) {
            let message = GeneratedMessage(using: &random)
            let plan = RecordPlan(message.schema)
            let json = message.json.description
            let protobuf = try Samples.protobuf(json, plan)
            #expect(try Samples.meaning(Samples.json(protobuf: protobuf, plan)) == message.json, "\(json)")
            // A writer that sends the same in another order sends the same message.
            let document = AvroDocument(message.schema)
            let avro = try Samples.avro(json, plan)
            #expect(try Samples.meaning(Samples.json(avro: avro, by: document, plan)) == message.json, "\(json)")
            // By the writer's schema alone amounts and JSON are texts, and everything else is what it is.
            let bare = try RecordPlan(writer: ProtoFile(message.schema))
            #expect(try Samples.protobuf(Samples.json(protobuf: protobuf, bare), bare) == protobuf, "\(json)")
            let written = try RecordPlan(writer: document)
            #expect(try Samples.avro(Samples.json(avro: avro, by: document, written), written) == avro, "\(json)")
        }
    }

    /// Whatever comes is read or refused, and what is read is one JSON object.
    @Test func noBytesAreTooBad() throws {
        var random = SeededGenerator.fromEnvironment()
        var read = 0
        for round in 0..<TestTier.rounds(3_000) {
            var bytes: [UInt8]
            if round.isMultiple(of: 4) {
                bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            } else {
                bytes = round.isMultiple(of: 2) ? Self.protobuf : Self.avro
                for _ in 0..<Int.random(in: 1...4, using: &random) { Self.damage(&bytes, &random) }
            }
            for decode in [{ try Samples.json(protobuf: $0) }, { try Samples.json(avro: $0) }]
                as [([UInt8]) throws -> String]
            {
                guard let json = try? decode(bytes) else { continue }
                read += 1
                guard case .object = try? JSONValue(parsing: json) else {
                    Issue.record("\(bytes) became \(json)")
                    continue
                }
            }
            _ = try? bytes.withUnsafeBytes { try ConfluentFrame.openMessage($0).path }
        }
        #expect(read > 0)
    }

    private static let protobuf = (try? Samples.protobuf(Samples.full)) ?? []
    private static let avro = (try? Samples.avro(Samples.full)) ?? []

    private static func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: place)
        default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        }
    }
}
