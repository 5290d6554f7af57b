/// Reads a message of PostgreSQL's protocol: network byte order, strings that end in a zero byte. What is too short or
/// can't be is an error; nothing is read beyond the end.
struct WireBytes {
    private let bytes: UnsafeRawBufferPointer
    private var next = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { next == bytes.count }

    mutating func uint8() throws(MalformedMessage) -> UInt8 { try take(1)[0] }
    mutating func int16() throws(MalformedMessage) -> Int16 { try integer() }
    mutating func int32() throws(MalformedMessage) -> Int32 { try integer() }
    mutating func uint32() throws(MalformedMessage) -> UInt32 { try integer() }
    mutating func int64() throws(MalformedMessage) -> Int64 { try integer() }
    mutating func position() throws(MalformedMessage) -> LogPosition { LogPosition(try integer()) }

    /// The bytes live as long as the message.
    mutating func take(_ count: Int) throws(MalformedMessage) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count - next else {
            throw MalformedMessage("\(count) bytes wanted at \(next) of \(bytes.count)")
        }
        defer { next += count }
        return UnsafeRawBufferPointer(rebasing: bytes[next..<next + count])
    }

    mutating func string() throws(MalformedMessage) -> String {
        guard let end = bytes[next...].firstIndex(of: 0) else {
            throw MalformedMessage("a string at \(next) without an end")
        }
        defer { next = end + 1 }
        return String(decoding: bytes[next..<end], as: UTF8.self)
    }

    private mutating func integer<Value: FixedWidthInteger>() throws(MalformedMessage) -> Value {
        Value(bigEndian: try take(MemoryLayout<Value>.size).loadUnaligned(as: Value.self))
    }
}

/// A message of the replication protocol that isn't what the documentation says it is.
public struct MalformedMessage: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ what: String) { description = "malformed replication message: \(what)" }
}
