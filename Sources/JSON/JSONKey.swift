/// A member's name as it stands in the text, to be compared without making a `String`.
public struct JSONKey {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let start: Int
    @usableFromInline let count: Int
    /// Set where the name has escapes, which are rare.
    @usableFromInline let decoded: String?

    @inlinable
    init(base: UnsafeRawPointer, start: Int, count: Int, decoded: String?) {
        self.base = base
        self.start = start
        self.count = count
        self.decoded = decoded
    }

    @inlinable
    public static func == (key: JSONKey, name: StaticString) -> Bool {
        if let decoded = key.decoded { return decoded == name.description }
        let length = name.utf8CodeUnitCount
        guard key.count == length else { return false }
        let bytes = key.base.assumingMemoryBound(to: UInt8.self) + key.start
        let other = name.utf8Start
        for index in 0..<length where bytes[index] != other[index] { return false }
        return true
    }

    /// The name. Allocates where it is longer than 15 bytes.
    public var string: String {
        decoded
            ?? String(decoding: UnsafeRawBufferPointer(start: base + start, count: count), as: UTF8.self)
    }

    /// The same name, whatever way it is written.
    @usableFromInline
    func equals(_ other: JSONKey) -> Bool {
        if decoded == nil, other.decoded == nil {
            guard count == other.count else { return false }
            let a = base.assumingMemoryBound(to: UInt8.self) + start
            let b = other.base.assumingMemoryBound(to: UInt8.self) + other.start
            for index in 0..<count where a[index] != b[index] { return false }
            return true
        }
        // Compared by code units: canonical equivalence makes no duplicate.
        return string.utf8.elementsEqual(other.string.utf8)
    }
}
