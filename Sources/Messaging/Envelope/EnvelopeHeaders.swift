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
    private(set) var expiresAt: Int64?
    /// What a signature covers; nil for a reader that looks at none.
    private(set) var signed: SignedContent?
    /// What is wrong with the first attribute that can't be read.
    private(set) var flaw: String?
    /// The types that the reader knows: theirs is a text that is there already.
    private var types: TypeNames?

    /// Longest attribute, in bytes: what stands in for a missing id names topic and offset, and has room in it.
    static let limit = 320

    package init() {}

    /// Whose the record is: the standard tenant's only where it says nothing of one; nil where that can't be read.
    var owner: String? { isTenantClear ? tenant ?? TenantName.standard : nil }

    /// For a reader that may look at signatures.
    package init(for reader: RecordReader) {
        if reader.signatures?.checks == true { signed = SignedContent() }
        types = reader.names
    }

    /// Takes in one header; others than ours are passed over. Of a repeated one the last counts.
    package mutating func take(_ name: String, _ value: UnsafeRawBufferPointer) {
        var name = name
        name.withUTF8 { take(UnsafeRawBufferPointer($0), value) }
    }

    /// The same for a name where it lies.
    package mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard let attribute = EventAttribute(name) else { return }
        signed?.take(attribute, value)
        switch attribute {
        case .id: id = text(attribute, value)
        case .source: source = text(attribute, value)
        case .type: type = types?.name(value) ?? text(attribute, value)
        case .time: time = moment(attribute, value)
        case .expiryTime: expiresAt = moment(attribute, value)
        case .correlationID: correlationID = text(attribute, value)
        case .tenant: takeTenant(value)
        case .streamVersion: streamVersion = version(attribute, value)
        case .schemaVersion: schemaVersion = version(attribute, value)
        case .contentType:
            contentType = ContentType(known: value) ?? text(attribute, value).map { ContentType($0) } ?? .json
        // A malformed one is to be ignored (W3C Trace Context §3.2.2.2).
        case .traceparent: traceparent = TraceContext(utf8: value)?.description
        case .signature: signature = text(attribute, value)
        case .specVersion, .subject, .causationID: break
        }
    }

    private mutating func takeTenant(_ value: UnsafeRawBufferPointer) {
        let said = text(.tenant, value)
        let isValid = said.map { TenantName.isValid($0) } ?? false
        let isFirst = tenant == nil || tenant == said
        if said != nil, !isValid {
            note("\(EventHeader.tenant) must have 1 to \(TenantName.limit) letters, digits and . _ -")
        }
        if !isFirst { note("\(EventHeader.tenant) comes several times and says different things") }
        tenant = said
        isTenantClear = isTenantClear && isValid && isFirst
    }

    private mutating func text(_ attribute: EventAttribute, _ value: UnsafeRawBufferPointer) -> String? {
        let text = Self.text(value)
        if text == nil {
            note("\(attribute.name) must be UTF-8 of 1 to \(Self.limit) bytes without control characters")
        }
        return text
    }

    private mutating func moment(_ attribute: EventAttribute, _ value: UnsafeRawBufferPointer) -> Int64? {
        let time = RFC3339.microseconds(utf8: value.assumingMemoryBound(to: UInt8.self))
        if time == nil { note("\(attribute.name) is no RFC 3339 time") }
        return time
    }

    private mutating func version(_ attribute: EventAttribute, _ value: UnsafeRawBufferPointer) -> Int? {
        guard let first = value.first, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first),
            let version = Self.text(value).flatMap({ Int32($0) })
        else {
            note("\(attribute.name) must be a whole number from 1 to \(Int32.max)")
            return nil
        }
        return Int(version)
    }

    private mutating func note(_ flaw: String) { self.flaw = self.flaw ?? flaw }

    /// An attribute's value; nil for what is none. What goes into a text column and a log line has no control
    /// characters.
    static func text(_ value: UnsafeRawBufferPointer) -> String? {
        guard (1...limit).contains(value.count), !hasControls(value), UTF8Check.isValid(value) else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    /// Eight bytes at a time ("Bit Twiddling Hacks", haszero and hasless), since every attribute is looked at.
    private static func hasControls(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let delete = word ^ (ones &* 0x7F)
            let found = ((word &- ones &* 0x20) & ~word) | ((delete &- ones) & ~delete)
            if found & (ones &* 0x80) != 0 { return true }
            offset &+= 8
        }
        return bytes[offset...].contains { $0 < 0x20 || $0 == 0x7F }
    }

    /// Whether a value is one, without making it.
    static func isText(_ value: UnsafeRawBufferPointer) -> Bool {
        (1...limit).contains(value.count) && value.allSatisfy { (0x20...0x7E).contains($0) } || text(value) != nil
    }
}
