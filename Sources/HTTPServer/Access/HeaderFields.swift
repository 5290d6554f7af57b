/// The header fields of a parsed head, where its bytes are.
struct HeaderFields {
    let bytes: UnsafePointer<UInt8>
    let all: UnsafeBufferPointer<HeaderField>

    init(_ bytes: UnsafePointer<UInt8>, _ fields: UnsafePointer<HeaderField>, count: Int) {
        self.bytes = bytes
        all = UnsafeBufferPointer(start: fields, count: count)
    }

    func value(of field: HeaderField) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + Int(field.valueStart), count: Int(field.valueLength))
    }

    /// - Parameter lowercase: must be in lower case.
    func isNamed(_ field: HeaderField, _ lowercase: StaticString) -> Bool {
        UnsafeBufferPointer(start: bytes + Int(field.nameStart), count: Int(field.nameLength))
            .equalsIgnoringCase(lowercase)
    }

    func first(named lowercase: StaticString) -> UnsafeBufferPointer<UInt8>? {
        for field in all where isNamed(field, lowercase) { return value(of: field) }
        return nil
    }
}
