/// Takes the binary form of a one-dimensional array apart (`array_send`, src/backend/utils/adt/arrayfuncs.c).
struct ArrayReader {
    let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func elements<Element: PostgresDecodable>() throws(PostgresMismatch) -> [Element] {
        let dimensions = try next()
        _ = try next()
        let type = UInt32(bitPattern: try next())
        if dimensions == 0 { return [] }
        guard dimensions == 1 else { throw PostgresMismatch("it isn't an array of one dimension") }
        let count = Int(try next())
        _ = try next()
        guard count >= 0, count <= bytes.count / 4 else { throw .type }
        var result: [Element] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            let length = Int(try next())
            if length < 0 {
                result.append(try Element(postgres: PostgresValue(bytes: nil, type: type)))
            } else {
                guard length <= bytes.count - position else { throw .type }
                let element = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
                position += length
                result.append(try Element(postgres: PostgresValue(bytes: element, type: type)))
            }
        }
        return result
    }

    private mutating func next() throws(PostgresMismatch) -> Int32 {
        guard bytes.count - position >= 4 else { throw .type }
        defer { position += 4 }
        return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int32.self))
    }
}
