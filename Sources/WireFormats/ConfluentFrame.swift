/// The wire format of Confluent's serializers (Confluent Platform, "Wire format"): a byte 0, the id of the writer's schema
/// in four bytes, the most significant first, and what the format has besides.
package enum ConfluentFrame {
    /// JSON never begins so, nor does a message of Protocol Buffers, whose field numbers begin at 1.
    package static let magic: UInt8 = 0
    package static let size = 5

    package static func isFramed(_ value: UnsafeRawBufferPointer) -> Bool { value.first == magic }

    /// The id, and what is behind it.
    package static func open(
        _ value: UnsafeRawBufferPointer
    ) throws(WireFormatError) -> (id: Int32, rest: UnsafeRawBufferPointer) {
        guard isFramed(value), value.count >= size else {
            throw WireFormatError("doesn't begin with 0 and the id of its schema")
        }
        let id = UInt32(bigEndian: value.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
        return (Int32(bitPattern: id), UnsafeRawBufferPointer(rebasing: value[size...]))
    }

    package static func append(id: Int32, to buffer: PayloadBuffer) {
        buffer.bytes.append(magic)
        withUnsafeBytes(of: id.bigEndian) { buffer.bytes.append($0) }
    }

    // MARK: Protocol Buffers

    /// Messages nest so deep in a file at most.
    private static let depthLimit = 16

    /// Which message most payloads are: the first one of their schema's file.
    package static let firstMessage = [0]

    /// Which message of its schema's file a payload is, from the outermost inwards; most are the first one, for which a
    /// single 0 stands.
    package static func openMessage(
        _ rest: UnsafeRawBufferPointer
    ) throws(WireFormatError) -> (path: [Int], payload: UnsafeRawBufferPointer) {
        var reader = ByteReader(rest)
        let count = try reader.zigzag()
        guard count != 0 else { return (firstMessage, reader.rest) }
        guard (1...Int64(depthLimit)).contains(count) else { throw WireFormatError("has \(count) message indexes") }
        var path: [Int] = []
        for _ in 0..<count {
            guard let index = Int(exactly: try reader.zigzag()), index >= 0 else {
                throw WireFormatError("has a negative message index")
            }
            path.append(index)
        }
        return (path, reader.rest)
    }

    /// The first message of its file.
    package static func appendFirstMessage(to buffer: PayloadBuffer) { buffer.bytes.append(0) }
}
