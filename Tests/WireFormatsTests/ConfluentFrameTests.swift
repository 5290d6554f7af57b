import Testing

@testable import WireFormats

/// Confluent's wire format, by its documentation ("Wire format", Protobuf's message indexes).
@Suite struct ConfluentFrameTests {
    @Test func anIDIsFourBytesTheHighestFirst() throws {
        for (id, bytes) in [
            (Int32(1), [0, 0, 0, 0, 1] as [UInt8]), (0x0102_0304, [0, 1, 2, 3, 4]),
            (.max, [0, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            let buffer = PayloadBuffer()
            ConfluentFrame.append(id: id, to: buffer)
            let framed = buffer.array()
            #expect(framed == bytes)
            let back = try (framed + [9]).withUnsafeBytes { bytes in
                let (id, rest) = try ConfluentFrame.open(bytes)
                return (id, Array(rest))
            }
            #expect(back.0 == id && back.1 == [9])
        }
        for bytes in [[], [1, 0, 0, 0, 1], [0, 0, 0, 1]] as [[UInt8]] {
            #expect(throws: WireFormatError.self) { try bytes.withUnsafeBytes { _ = try ConfluentFrame.open($0) } }
        }
    }

    @Test func messageIndexesLeadToOneMessage() throws {
        let cases: [([UInt8], [Int], Int)] = [
            ([0, 7], [0], 1), ([2, 0, 7], [0], 1), ([2, 2, 7], [1], 1), ([4, 2, 0], [1, 0], 0), ([0], [0], 0),
        ]
        for (bytes, path, left) in cases {
            let found = try bytes.withUnsafeBytes { bytes in
                let (path, payload) = try ConfluentFrame.openMessage(bytes)
                return (path, payload.count)
            }
            #expect(found.0 == path && found.1 == left, "\(bytes)")
        }
        // Negative, too many, none.
        for bytes in [[], [1], [2], [2, 1], [40, 0], [4, 0]] as [[UInt8]] {
            #expect(throws: WireFormatError.self, "\(bytes)") {
                try bytes.withUnsafeBytes { _ = try ConfluentFrame.openMessage($0) }
            }
        }
    }
}
