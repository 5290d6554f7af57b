/// Writes JSON into bytes, commas by itself. Names are given as literals, so they are not escaped.
///
///     var writer = JSONWriter()
///     writer.object { json in
///         json.field("sku", "ABC")
///         json.key("tags")
///         json.array { $0.value("new") }
///     }
///     let bytes = writer.bytes
public struct JSONWriter {
    @usableFromInline var storage: [UInt8] = []
    /// A comma is due before the next value or member.
    @usableFromInline var needsComma = false

    public init(capacity: Int = 256) { storage.reserveCapacity(capacity) }

    /// What has been written.
    public var bytes: [UInt8] { storage }

    /// Writes one value after the other into the same memory: what `write` writes, for as long as `read` runs.
    @inlinable
    public mutating func once<Result>(
        _ write: (inout JSONWriter) throws -> Void, _ read: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        storage.removeAll(keepingCapacity: true)
        needsComma = false
        try write(&self)
        return try storage.withUnsafeBytes(read)
    }

    @inlinable
    public mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "{"))
        try members(&self)
        close(UInt8(ascii: "}"))
    }

    @inlinable
    public mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "["))
        try elements(&self)
        close(UInt8(ascii: "]"))
    }

    /// Begins a member; its value must follow.
    public mutating func key(_ name: StaticString) {
        comma()
        storage.append(UInt8(ascii: "\""))
        storage.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        storage.append(UInt8(ascii: "\""))
        storage.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Begins a member with a name that isn't known beforehand.
    public mutating func key(dynamic name: String) {
        value(name)
        storage.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func value(_ text: String) {
        comma()
        Self.append(text, to: &storage)
        needsComma = true
    }

    public mutating func value(_ number: Int64) {
        comma()
        Self.append(number, to: &storage)
        needsComma = true
    }

    public mutating func value(_ number: Int) { value(Int64(number)) }

    public mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }

    public mutating func null() { raw("null") }

    /// Bytes that are JSON already. Not checked.
    @inlinable
    public mutating func raw(_ json: some Collection<UInt8>) {
        comma()
        storage.append(contentsOf: json)
        needsComma = true
    }

    /// As `raw(_:)`, appended by the caller.
    @inlinable
    public mutating func raw(_ append: (inout [UInt8]) throws -> Void) rethrows {
        comma()
        try append(&storage)
        needsComma = true
    }

    private mutating func raw(_ json: StaticString) {
        raw(UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
    }

    // MARK: Members

    public mutating func field(_ name: StaticString, _ text: String) {
        key(name)
        value(text)
    }

    /// Nothing where there is no value.
    public mutating func field(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        key(name)
        value(text)
    }

    public mutating func field(_ name: StaticString, _ number: Int) {
        key(name)
        value(Int64(number))
    }

    public mutating func field(_ name: StaticString, _ number: Int64) {
        key(name)
        value(number)
    }

    public mutating func field(_ name: StaticString, _ flag: Bool) {
        key(name)
        value(flag)
    }

    @inlinable
    public mutating func field(_ name: StaticString, raw json: some Collection<UInt8>) {
        key(name)
        raw(json)
    }

    // MARK: Pieces

    @inlinable
    mutating func open(_ bracket: UInt8) {
        comma()
        storage.append(bracket)
        needsComma = false
    }

    @inlinable
    mutating func close(_ bracket: UInt8) {
        storage.append(bracket)
        needsComma = true
    }

    @inlinable
    mutating func comma() {
        if needsComma { storage.append(UInt8(ascii: ",")) }
    }

    /// Appends a string in quotes.
    public static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(utf8: UnsafeRawBufferPointer($0), to: &bytes) }
    }

    /// As `append(_:to:)`, of bytes that are UTF-8, which isn't checked.
    public static func append(utf8: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if UTF8Check.isPlain(utf8) {
            bytes.append(contentsOf: utf8)
            return bytes.append(UInt8(ascii: "\""))
        }
        var clean = 0
        for index in 0..<utf8.count {
            let byte = utf8[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: utf8[clean..<index]))
            appendEscape(byte, to: &bytes)
            clean = index + 1
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: utf8[clean...]))
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ byte: UInt8, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            bytes.append(contentsOf: [UInt8(ascii: "u"), 0x30, 0x30, 0x30 + (byte >> 4)])
            bytes.append((byte & 15) < 10 ? 0x30 + (byte & 15) : 0x57 + (byte & 15))
        }
    }

    /// Appends a number in decimal.
    public static func append(_ number: Int64, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: numberLength) { buffer in
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[write(number, into: buffer)...]))
        }
    }

    /// 19 digits and a sign.
    package static let numberLength = 20

    /// Writes a number in decimal into the end of `buffer`, which has `numberLength` bytes.
    ///
    /// - Returns: where it begins.
    package static func write(_ number: Int64, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var magnitude = number.magnitude
        var start = numberLength
        repeat {
            start -= 1
            buffer[start] = 0x30 + UInt8(truncatingIfNeeded: magnitude % 10)
            magnitude /= 10
        } while magnitude > 0
        if number < 0 {
            start -= 1
            buffer[start] = UInt8(ascii: "-")
        }
        return start
    }
}
