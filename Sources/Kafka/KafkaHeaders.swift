/// A header of a record.
public struct KafkaHeader: Hashable, Sendable {
    public let name: String
    public let value: [UInt8]

    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// The headers of a record to publish, in order. Names may repeat.
///
/// All in one piece of memory: a relay makes and drops a dozen headers for each of a hundred thousand records a second.
public struct KafkaHeaders: Hashable, Sendable {
    /// For each header the lengths of name and value, the name, a NUL, the value; behind `size` there is room.
    private var bytes: [UInt8]
    public private(set) var count = 0
    /// Bytes of names, values and lengths, about as they are sent.
    public private(set) var size = 0

    private static let prefix = 2 * MemoryLayout<Int32>.size

    /// - Parameter capacity: bytes of names and values to make room for.
    public init(capacity: Int = 0) { bytes = [UInt8](repeating: 0, count: capacity) }

    public init(_ headers: some Sequence<KafkaHeader>) {
        self.init()
        for header in headers { header.value.withUnsafeBytes { append(header.name, $0) } }
    }

    public var isEmpty: Bool { count == 0 }

    public static func == (one: Self, other: Self) -> Bool {
        one.count == other.count && one.bytes.prefix(one.size) == other.bytes.prefix(other.size)
    }

    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[..<size])) }
    }

    /// Adds a header behind the others.
    public mutating func append(_ name: String, _ value: UnsafeRawBufferPointer) {
        var name = name
        name.withUTF8 { name in
            let start = size
            let middle = start + Self.prefix + name.count
            size = middle + 1 + value.count
            // Written in place: an array that is appended to looks at its memory for each of four pieces.
            if bytes.count < size {
                bytes.append(contentsOf: repeatElement(0, count: max(size - bytes.count, bytes.count)))
            }
            bytes.withUnsafeMutableBytes { memory in
                memory.storeBytes(of: Int32(name.count), toByteOffset: start, as: Int32.self)
                memory.storeBytes(of: Int32(value.count), toByteOffset: start + 4, as: Int32.self)
                UnsafeMutableRawBufferPointer(rebasing: memory[(start + Self.prefix)..<middle]).copyMemory(
                    from: UnsafeRawBufferPointer(name))
                UnsafeMutableRawBufferPointer(rebasing: memory[(middle + 1)..<size]).copyMemory(from: value)
            }
        }
        count += 1
    }

    public mutating func append(_ name: String, _ value: String) {
        var value = value
        value.withUTF8 { append(name, UnsafeRawBufferPointer($0)) }
    }

    /// Each header in order, in place: a name (with a NUL behind it) and a value, whose address is never null.
    public func forEach(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { all in
            var offset = 0
            for _ in 0..<count {
                let name = Int(all.loadUnaligned(fromByteOffset: offset, as: Int32.self))
                let value = Int(all.loadUnaligned(fromByteOffset: offset + 4, as: Int32.self))
                let start = offset + Self.prefix
                offset = start + name + 1 + value
                body(
                    UnsafeRawBufferPointer(rebasing: all[start..<(start + name)]),
                    UnsafeRawBufferPointer(rebasing: all[(start + name + 1)..<offset]))
            }
        }
    }

    /// The value of the last header called `name`; nil when there is none.
    public subscript(name: String) -> [UInt8]? {
        var found: [UInt8]?
        forEach { if $0.elementsEqual(name.utf8) { found = Array($1) } }
        return found
    }

    /// Gives every header called `name` another value, where it stands.
    public mutating func replace(_ name: String, with value: String) {
        var headers = KafkaHeaders(capacity: size)
        forEach {
            if $0.elementsEqual(name.utf8) {
                headers.append(name, value)
            } else {
                headers.append(String(decoding: $0, as: UTF8.self), $1)
            }
        }
        self = headers
    }
}

extension KafkaHeaders: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: KafkaHeader...) { self.init(elements) }
}
