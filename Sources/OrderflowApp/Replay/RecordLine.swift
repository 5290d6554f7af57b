import Foundation
import JSON
import Kafka
import Messaging
import Orders
import Telemetry

/// One record as one line.
///
/// The envelope's members are shown as what they mean; a value that is no envelope is its own payload: JSON as JSON, a
/// format of ours as JSON too, other text as a string, other bytes in base64. Written from where the record lies in memory: a replay is as fast as
/// its lines are made.
struct RecordLine {
    let record: ConsumedMessage
    private let value: RecordValue

    init(_ record: ConsumedMessage) {
        self.record = record
        value = RecordValue(record)
    }

    /// By the envelope, else by the header.
    var type: String? {
        if case .envelope(let type, _) = value { return RecordValue.text(ofJSON: type) }
        return record.header("ce_type").flatMap { Self.text($0) }
    }

    var key: String? { record.key.flatMap { Self.text($0) } }

    func appendJSON(to bytes: inout [UInt8]) {
        if let key = record.key {
            Self.append("{\"key\":", "{\"keyBase64\":", key, to: &bytes)
        } else {
            Self.append("{\"key\":null", to: &bytes)
        }
        Self.append(",\"partition\":", to: &bytes)
        JSONWriter.append(Int64(record.partition), to: &bytes)
        Self.append(",\"offset\":", to: &bytes)
        JSONWriter.append(record.offset, to: &bytes)
        Self.append(",\"timestamp\":", to: &bytes)
        RFC3339.append(record.time, to: &bytes)
        appendType(to: &bytes)
        Self.append(",\"headers\":", to: &bytes)
        appendHeaders(to: &bytes)
        switch value {
        case .tombstone: Self.append(",\"payload\":null", to: &bytes)
        case .envelope(_, let payload), .json(let payload):
            Self.append(",\"payload\":", to: &bytes)
            Self.appendOneLine(payload, to: &bytes)
        case .decoded(let json):
            Self.append(",\"payload\":", to: &bytes)
            bytes += HiddenMembers.hide(in: json)
        case .unreadable(let value, let reason):
            // Its bytes may be a payment token's.
            Self.append(",\"payload\":", to: &bytes)
            JSONWriter.append("\(value.count) bytes, not shown: \(reason)", to: &bytes)
        case .other(let value):
            if let hidden = HiddenMembers.hidden(in: value) {
                Self.append(",\"payload\":", to: &bytes)
                bytes += hidden
            } else {
                Self.append(",\"payload\":", ",\"payloadBase64\":", value, to: &bytes)
            }
        }
        Self.append("}\n", to: &bytes)
    }

    private func appendType(to bytes: inout [UInt8]) {
        if case .envelope(let type, _) = value {
            Self.append(",\"type\":", to: &bytes)
            bytes.append(contentsOf: type)
        } else if let type = record.header("ce_type"), UTF8Check.isValid(type) {
            Self.append(",\"type\":", to: &bytes)
            JSONWriter.append(utf8: type, to: &bytes)
        }
    }

    func appendText(to bytes: inout [UInt8]) {
        let key = record.key.map { Self.text($0) ?? Data($0).base64EncodedString() } ?? "-"
        let place = "\(record.partition)/\(record.offset)"
        bytes.append(contentsOf: "\(RFC3339.text(record.time))  \(place)  ".utf8)
        Self.appendVisible(key, to: &bytes)
        Self.append("  ", to: &bytes)
        Self.appendVisible(type ?? "-", to: &bytes)
        Self.append("  ", to: &bytes)
        switch value {
        case .tombstone: Self.append("null", to: &bytes)
        case .envelope(_, let payload), .json(let payload):
            let start = bytes.count
            Self.appendOneLine(payload, to: &bytes)
            PrintableText.escape(json: &bytes, from: start)
        case .decoded(let json):
            let start = bytes.count
            bytes += HiddenMembers.hide(in: json)
            PrintableText.escape(json: &bytes, from: start)
        case .unreadable(let value, let reason):
            Self.appendVisible("\(value.count) bytes, not shown: \(reason)", to: &bytes)
        case .other(let value):
            let hidden = HiddenMembers.hidden(in: value).map { String(decoding: $0, as: UTF8.self) }
            Self.appendVisible(hidden ?? Self.text(value) ?? "base64:" + Data(value).base64EncodedString(), to: &bytes)
        }
        Self.append("\n", to: &bytes)
    }

    private typealias Header = (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

    /// Names may repeat: such a one has an array of its values.
    private func appendHeaders(to bytes: inout [UInt8]) {
        var headers: [Header] = []
        headers.reserveCapacity(16)
        record.forEachRawHeader { headers.append((name: $0, value: $1)) }
        Self.append("{", to: &bytes)
        for (index, header) in headers.enumerated() {
            if headers[..<index].contains(where: { Self.areEqual($0.name, header.name) }) { continue }
            if index > 0 { Self.append(",", to: &bytes) }
            if UTF8Check.isValid(header.name) {
                JSONWriter.append(utf8: header.name, to: &bytes)
            } else {
                JSONWriter.append(String(decoding: header.name, as: UTF8.self), to: &bytes)
            }
            Self.append(":", to: &bytes)
            let more = headers[(index + 1)...].filter { Self.areEqual($0.name, header.name) }
            if more.isEmpty {
                Self.appendHeader(header.value, to: &bytes)
            } else {
                for (place, value) in ([header] + more).map(\.value).enumerated() {
                    Self.append(place == 0 ? "[" : ",", to: &bytes)
                    Self.appendHeader(value, to: &bytes)
                }
                Self.append("]", to: &bytes)
            }
        }
        Self.append("}", to: &bytes)
    }

    private static func appendHeader(_ value: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        if UTF8Check.isValid(value) {
            JSONWriter.append(utf8: value, to: &bytes)
        } else {
            append("{\"base64\":", to: &bytes)
            JSONWriter.append(Data(value).base64EncodedString(), to: &bytes)
            append("}", to: &bytes)
        }
    }

    private static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        a.count == b.count && a.elementsEqual(b)
    }

    /// A member as text, or under another name in base64.
    private static func append(
        _ member: StaticString, _ base64Member: StaticString, _ value: UnsafeRawBufferPointer, to bytes: inout [UInt8]
    ) {
        if UTF8Check.isValid(value) {
            append(member, to: &bytes)
            JSONWriter.append(utf8: value, to: &bytes)
        } else {
            append(base64Member, to: &bytes)
            JSONWriter.append(Data(value).base64EncodedString(), to: &bytes)
        }
    }

    private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Nil for bytes that aren't UTF-8.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String? { String(validating: bytes, as: UTF8.self) }

    /// Valid JSON has line ends between its tokens only.
    private static func appendOneLine(_ json: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let start = bytes.count
        if let hidden = HiddenMembers.hidden(in: json) { bytes += hidden } else { bytes.append(contentsOf: json) }
        guard json.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return }
        for index in start..<bytes.count where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x20 }
    }

    private static func appendVisible(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: PrintableText.escaped(text).utf8)
    }
}

/// What a record's value is.
enum RecordValue {
    case tombstone
    /// `{"type":…,"payload":…}`; the type as a JSON string and the payload as they stand.
    case envelope(type: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer)
    case json(UnsafeRawBufferPointer)
    /// What a codec made of another format.
    case decoded([UInt8])
    /// Of another format, by which it can't be read.
    case unreadable(UnsafeRawBufferPointer, String)
    case other(UnsafeRawBufferPointer)

    init(_ record: ConsumedMessage) {
        guard !record.isTombstone else {
            self = .tombstone
            return
        }
        let value = record.value
        switch RecordPayload(record) {
        case .asItIs: break
        case .json(let json):
            self = .decoded(json)
            return
        case .unreadable(let reason):
            self = .unreadable(value, reason)
            return
        }
        var reader = JSONReader(value, depthLimit: JSONReader.maximumDepth)
        do {
            guard reader.peekKind() == .object else {
                let raw = try reader.rawValue()
                try reader.end()
                self = .json(raw)
                return
            }
            var type: UnsafeRawBufferPointer?
            var payload: UnsafeRawBufferPointer?
            try reader.readObject { key, reader in
                if key == "type", reader.peekKind() == .string {
                    type = try reader.rawValue()
                } else if key == "payload" {
                    payload = try reader.rawValue()
                } else {
                    try reader.skipValue()
                }
            }
            try reader.end()
            if let type, let payload { self = .envelope(type: type, payload: payload) } else { self = .json(value) }
        } catch {
            self = .other(value)
        }
    }

    /// What a JSON string says.
    static func text(ofJSON string: UnsafeRawBufferPointer) -> String? {
        var reader = JSONReader(string)
        return try? reader.readString()
    }
}
