import JSON
import Telemetry

/// A record's attributes, from its headers. All may be missing: a foreign producer may send the bare value. One that is
/// there has to be readable: guessing at a tenant or an id would make another's event of it.
package struct EnvelopeHeaders {
    private(set) var id: String?
    private(set) var source: String?
    private(set) var type: String?
    private(set) var time: Int64?
    private(set) var correlationID: String?
    private(set) var tenant: String?
    private var isTenantClear = true
    private(set) var streamVersion: Int?
    private(set) var contentType = ContentType.json
    private(set) var schemaVersion: Int?
    private(set) var traceparent: String?
    private(set) var signature: String?
    /// What a signature covers; nil for a reader that looks at none.
    private(set) var signed: SignedContent?
    /// What is wrong with the first attribute that can't be read.
    private(set) var flaw: String?

    /// Longest attribute, in bytes: what stands in for a missing id names topic and offset, and has room in it.
    static let limit = 320

    package init() {}

    /// Whose the record is: the standard tenant's only where it says nothing of one; nil where that can't be read.
    var owner: String? { isTenantClear ? tenant ?? TenantName.standard : nil }

    /// For a reader that may look at signatures.
    init(for reader: RecordReader) { if reader.signatures?.checks == true { signed = SignedContent() } }

    /// Takes in one header; others than ours are passed over. Of a repeated one the last counts.
    package mutating func take(_ name: String, _ value: UnsafeRawBufferPointer) {
        signed?.take(name, value)
        switch name {
        case EventHeader.id: id = text(name, value)
        case EventHeader.source: source = text(name, value)
        case EventHeader.type: type = text(name, value)
        case EventHeader.time:
            time = RFC3339.microseconds(utf8: value.assumingMemoryBound(to: UInt8.self))
            if time == nil { note("\(name) is no RFC 3339 time") }
        case EventHeader.correlationID: correlationID = text(name, value)
        case EventHeader.tenant:
            let said = text(name, value)
            let isValid = said.map { TenantName.isValid($0) } ?? false
            let isFirst = tenant == nil || tenant == said
            if said != nil, !isValid { note("\(name) must have 1 to \(TenantName.limit) letters, digits and . _ -") }
            if !isFirst { note("\(name) comes several times and says different things") }
            tenant = said
            isTenantClear = isTenantClear && isValid && isFirst
        case EventHeader.streamVersion: streamVersion = version(name, value)
        case EventHeader.schemaVersion: schemaVersion = version(name, value)
        case EventHeader.contentType:
            contentType = ContentType.isPlainJSON(value) ? .json : text(name, value).map { ContentType($0) } ?? .json
        // A malformed one is to be ignored (W3C Trace Context §3.2.2.2).
        case EventHeader.traceparent: traceparent = Self.text(value).flatMap { TraceContext($0)?.description }
        case EventHeader.signature: signature = text(name, value)
        default: break
        }
    }

    private mutating func text(_ name: String, _ value: UnsafeRawBufferPointer) -> String? {
        let text = Self.text(value)
        if text == nil { note("\(name) must be UTF-8 of 1 to \(Self.limit) bytes without control characters") }
        return text
    }

    private mutating func version(_ name: String, _ value: UnsafeRawBufferPointer) -> Int? {
        guard let first = value.first, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first),
            let version = Self.text(value).flatMap({ Int32($0) })
        else {
            note("\(name) must be a whole number from 1 to \(Int32.max)")
            return nil
        }
        return Int(version)
    }

    private mutating func note(_ flaw: String) { self.flaw = self.flaw ?? flaw }

    /// An attribute's value; nil for what is none. What goes into a text column and a log line has no control
    /// characters.
    static func text(_ value: UnsafeRawBufferPointer) -> String? {
        guard (1...limit).contains(value.count), value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: value, as: UTF8.self)
    }

    /// Whether a value is one, without making it.
    static func isText(_ value: UnsafeRawBufferPointer) -> Bool {
        (1...limit).contains(value.count) && value.allSatisfy { (0x20...0x7E).contains($0) } || text(value) != nil
    }
}
