#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Encodes the parameters of one statement into one reused block of memory in PostgreSQL's binary formats
/// (`*_send`/`*_recv` in src/backend/utils/adt), big-endian. libpq copies it into its output buffer.
struct ParameterBuffer: ~Copyable {
    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    /// What stays allocated between statements; one large batch must not pin its size for ever.
    private static let keptCapacity = 1 << 20

    init() {
        capacity = 1 << 12
        storage = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { storage.deallocate() }

    mutating func encode(_ parameters: [Parameter]) {
        reset()
        for parameter in parameters {
            if case .null = parameter.payload {
                offsets.append(-1)
                lengths.append(0)
            } else {
                let start = count
                append(parameter)
                // The server refuses messages over 1 GiB; this only keeps the number from wrapping.
                precondition(count - start <= Int(Int32.max), "a parameter of \(count - start) bytes")
                offsets.append(start)
                lengths.append(Int32(count - start))
            }
            formats.append(1)
        }
        // Only now: the block may have moved while it grew.
        for offset in offsets {
            pointers.append(
                offset < 0 ? nil : UnsafePointer(storage.advanced(by: offset).assumingMemoryBound(to: CChar.self)))
        }
    }

    /// Calls `body` with the arrays that `PQsendQueryPrepared` wants.
    borrowing func withEncoded<Result>(
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        pointers.withUnsafeBufferPointer { pointers in
            lengths.withUnsafeBufferPointer { lengths in
                formats.withUnsafeBufferPointer { formats in
                    body(Int32(pointers.count), pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
                }
            }
        }
    }

    borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: storage, count: count))
    }

    mutating func reset() {
        count = 0
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        pointers.removeAll(keepingCapacity: true)
        if capacity > Self.keptCapacity {
            storage.deallocate()
            capacity = 1 << 12
            storage = .allocate(byteCount: capacity, alignment: 16)
        }
    }

    // MARK: Bytes

    private mutating func reserve(_ extra: Int) {
        guard count + extra > capacity else { return }
        let wanted = max(capacity * 2, count + extra)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
        larger.copyMemory(from: storage, byteCount: count)
        storage.deallocate()
        storage = larger
        capacity = wanted
    }

    mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        reserve(MemoryLayout<Value>.size)
        put(value)
    }

    /// Needs room reserved.
    private mutating func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        storage.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self)
        count += MemoryLayout<Value>.size
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        storage.advanced(by: count).copyMemory(from: base, byteCount: bytes.count)
        count += bytes.count
    }

    private mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    mutating func append(_ text: String) {
        let copied: Void? = text.utf8.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
        if copied == nil { append(Array(text.utf8)) }
    }

    // MARK: Values

    mutating func appendNull() { append(Self.nullLength) }

    /// With its length in front, -1 for NULL: a field of a binary COPY row.
    mutating func appendField(_ parameter: Parameter) {
        if case .null = parameter.payload { appendNull() } else { sized { $0.append(parameter) } }
    }

    mutating func append(_ parameter: Parameter) {
        switch parameter.payload {
        case .null, .invalid: break
        case .bool(let value): append(UInt8(value ? 1 : 0))
        case .int2(let value): append(value)
        case .int4(let value): append(value)
        case .int8(let value): append(value)
        case .float8(let value): append(value.bitPattern)
        case .text(let value): append(value)
        case .bytes(let value): append(value)
        case .versionedBytes(let value):
            append(Self.jsonbVersion)
            append(value)
        case .uuid(let value):
            append(value.high)
            append(value.low)
        case .boolArray(let values):
            header(values.count, TypeOID.bool, elementSize: 1)
            for value in values {
                put(Int32(1))
                put(UInt8(value ? 1 : 0))
            }
        case .int4Array(let values):
            header(values.count, TypeOID.int4, elementSize: 4)
            for value in values {
                put(Int32(4))
                put(value)
            }
        case .int8Array(let values): eightBytes(values, TypeOID.int8) { $0 }
        case .int8ArrayOptional(let values): eightBytes(optional: values, TypeOID.int8) { $0 }
        case .timestampArray(let values): eightBytes(values, TypeOID.timestamptz, Timestamp.wire)
        case .timestampArrayOptional(let values): eightBytes(optional: values, TypeOID.timestamptz, Timestamp.wire)
        case .float8Array(let values):
            eightBytes(values, TypeOID.float8) { Int64(bitPattern: $0.bitPattern) }
        case .textArray(let values):
            header(values.count, TypeOID.text, elementSize: 16)
            for value in values { sized { $0.append(value) } }
        case .textArrayOptional(let values):
            header(values.count, TypeOID.text, elementSize: 16, hasNull: values.contains { $0 == nil })
            for value in values { if let value { sized { $0.append(value) } } else { append(Self.nullLength) } }
        case .bytesArray(let values):
            header(values.count, parameter.elementType, elementSize: 16)
            for value in values { sized { $0.append(value) } }
        case .bytesArrayOptional(let values):
            header(values.count, parameter.elementType, elementSize: 16, hasNull: values.contains { $0 == nil })
            for value in values { if let value { sized { $0.append(value) } } else { append(Self.nullLength) } }
        case .versionedBytesArray(let values):
            header(values.count, TypeOID.jsonb, elementSize: 64)
            for value in values { appendJSONB(value) }
        case .versionedBytesArrayOptional(let values):
            header(values.count, TypeOID.jsonb, elementSize: 64, hasNull: values.contains { $0 == nil })
            for value in values { if let value { appendJSONB(value) } else { append(Self.nullLength) } }
        case .uuidArray(let values):
            header(values.count, TypeOID.uuid, elementSize: 16, hasNull: values.contains { $0 == nil })
            for value in values {
                guard let value else {
                    put(Self.nullLength)
                    continue
                }
                put(Int32(16))
                put(value.high)
                put(value.low)
            }
        }
    }

    private static let nullLength = Int32(-1)
    /// The first byte of `jsonb_send`, the rest is JSON text.
    private static let jsonbVersion = UInt8(1)

    /// `array_recv`: dimensions, has-null flag, element type, then length and lower bound of each dimension.
    /// Reserves room for every element with its length word.
    private mutating func header(_ elements: Int, _ type: UInt32, elementSize: Int, hasNull: Bool = false) {
        reserve(20 + elements * (4 + elementSize))
        put(Int32(elements == 0 ? 0 : 1))
        put(Int32(hasNull ? 1 : 0))
        put(type)
        guard elements > 0 else { return }
        put(Int32(truncatingIfNeeded: elements))
        put(Int32(1))
    }

    mutating func sized(_ body: (inout ParameterBuffer) -> Void) {
        append(Int32(0))
        let start = count
        body(&self)
        storage.storeBytes(
            of: Int32(truncatingIfNeeded: count - start).bigEndian, toByteOffset: start - 4, as: Int32.self)
    }

    private mutating func appendJSONB(_ value: [UInt8]) {
        append(Int32(truncatingIfNeeded: value.count + 1))
        append(Self.jsonbVersion)
        append(value)
    }

    private mutating func eightBytes<Value>(_ values: [Value], _ type: UInt32, _ convert: (Value) -> Int64) {
        header(values.count, type, elementSize: 8)
        for value in values {
            put(Int32(8))
            put(convert(value))
        }
    }

    private mutating func eightBytes(optional values: [Int64?], _ type: UInt32, _ convert: (Int64) -> Int64) {
        header(values.count, type, elementSize: 8, hasNull: values.contains { $0 == nil })
        for value in values {
            guard let value else {
                put(Self.nullLength)
                continue
            }
            put(Int32(8))
            put(convert(value))
        }
    }
}

extension Parameter {
    /// The element type of an array of bytes.
    fileprivate var elementType: UInt32 {
        switch type {
        case TypeOID.jsonArray: TypeOID.json
        case TypeOID.textArray: TypeOID.text
        default: TypeOID.bytea
        }
    }
}
