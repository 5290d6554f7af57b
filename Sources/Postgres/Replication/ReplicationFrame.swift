/// What the server sends while it replicates (PostgreSQL 15 documentation, 55.4, "Streaming Replication Protocol").
enum ReplicationFrame {
    /// A piece of the log, here a message of the output plugin.
    case data(UnsafeRawBufferPointer)
    /// Everything that was committed before `end` has been sent. `wantsReply`: or the server takes us for dead soon.
    case keepalive(end: LogPosition, wantsReply: Bool)

    init(_ bytes: UnsafeRawBufferPointer) throws(MalformedMessage) {
        var wire = WireBytes(bytes)
        switch try wire.uint8() {
        case UInt8(ascii: "w"):
            for _ in 0..<3 { _ = try wire.int64() }
            self = .data(try wire.take(bytes.count - 25))
        case UInt8(ascii: "k"):
            let end = try wire.position()
            _ = try wire.int64()
            self = .keepalive(end: end, wantsReply: try wire.uint8() == 1)
        case let kind: throw MalformedMessage("a frame of kind \(kind)")
        }
    }

    /// "Standby status update": what was received, and up to where the server may forget.
    static func status(received: LogPosition, confirmed: LogPosition, at microseconds: Int64, wantsReply: Bool)
        -> [UInt8]
    {
        var bytes: [UInt8] = [UInt8(ascii: "r")]
        // Written, flushed, applied.
        for position in [max(received, confirmed), confirmed, confirmed] {
            withUnsafeBytes(of: position.bytes.bigEndian) { bytes.append(contentsOf: $0) }
        }
        withUnsafeBytes(of: microseconds.bigEndian) { bytes.append(contentsOf: $0) }
        bytes.append(wantsReply ? 1 : 0)
        return bytes
    }
}
