/// The fields of one row of a COPY with `FORMAT binary`, put one by one into what is sent. Of rows of many, a `Parameter`
/// for each would cost more than its bytes.
public struct CopyFields: ~Copyable {
    var buffer = ParameterBuffer()
    /// Since the row began.
    private(set) var count = 0

    mutating func begin(columns: Int) {
        buffer.append(Int16(columns))
        count = 0
    }

    public mutating func text(_ value: String?) {
        guard let value else { return null() }
        field { $0.append(value) }
    }

    /// A text in UTF-8, which the server checks.
    public mutating func text(utf8 value: UnsafeRawBufferPointer) { field { $0.append(value) } }

    public mutating func int4(_ value: Int32) { field { $0.append(value) } }

    /// A `timestamptz`: microseconds since the Unix epoch.
    public mutating func timestamp(_ microseconds: Int64?) {
        guard let microseconds else { return null() }
        field { $0.append(Timestamp.wire(microseconds)) }
    }

    public mutating func null() {
        buffer.appendNull()
        count += 1
    }

    private mutating func field(_ write: (inout ParameterBuffer) -> Void) {
        buffer.sized(write)
        count += 1
    }
}
