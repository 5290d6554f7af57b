/// The names of one object so far. Few, as a rule: the first sixteen are found in place by a fingerprint, without
/// memory of their own. More of them, or names with escapes, go to a set, so that nobody can make it slow.
@usableFromInline
struct SeenKeys {
    private static let inPlace = 16

    private var fingerprints = SIMD16<UInt32>()
    /// Addresses of the names' first bytes.
    private var addresses = SIMD16<UInt64>()
    private var count = 0
    private var many: Set<[UInt8]>?

    @usableFromInline
    init() {}

    /// False when `key` was there.
    @usableFromInline
    mutating func insert(_ key: JSONKey) -> Bool {
        guard many == nil, !key.escaped, count < Self.inPlace, let start = key.content.baseAddress else {
            return insertIntoSet(key)
        }
        let fingerprint = Self.fingerprint(key.content)
        for index in 0..<count where fingerprints[index] == fingerprint {
            if equals(addresses[index], key.content) { return false }
        }
        fingerprints[count] = fingerprint
        addresses[count] = UInt64(UInt(bitPattern: start))
        count &+= 1
        return true
    }

    @inline(__always)
    private static func fingerprint(_ name: UnsafeRawBufferPointer) -> UInt32 {
        let length = name.count
        guard length > 0 else { return 0 }
        return UInt32(truncatingIfNeeded: length) << 24 | UInt32(name[0]) << 16 | UInt32(name[length / 2]) << 8
            | UInt32(name[length &- 1])
    }

    /// The name at `address` ends where a quote is. It lies before `name` in the same text, so that `name.count` bytes
    /// and one more can be read there.
    private func equals(_ address: UInt64, _ name: UnsafeRawBufferPointer) -> Bool {
        guard let other = UnsafePointer<UInt8>(bitPattern: UInt(address)) else { return false }
        for index in 0..<name.count where other[index] != name[index] { return false }
        return other[name.count] == UInt8(ascii: "\"")
    }

    @inline(never)
    private mutating func insertIntoSet(_ key: JSONKey) -> Bool {
        var names = many ?? []
        many = nil
        for index in 0..<count {
            guard let start = UnsafePointer<UInt8>(bitPattern: UInt(addresses[index])) else { continue }
            var end = start
            while end.pointee != UInt8(ascii: "\"") { end += 1 }
            names.insert(Array(UnsafeBufferPointer(start: start, count: end - start)))
        }
        count = 0
        let isNew = names.insert(key.escaped ? Array(key.string.utf8) : Array(key.content)).inserted
        many = names
        return isNew
    }
}
