import Foundation
import JSON
import Kafka
import Messaging

/// One record as one line.
///
/// The envelope's members are shown as what they mean; a value that is no envelope is its own payload: JSON as JSON,
/// other text as a string, other bytes in base64.
struct RecordLine {
    let record: ConsumedMessage
    private let value: RecordValue
    private let headers: [(name: String, value: UnsafeRawBufferPointer)]

    init(_ record: ConsumedMessage) {
        self.record = record
        var headers: [(String, UnsafeRawBufferPointer)] = []
        record.forEachHeader { headers.append(($0, $1)) }
        self.headers = headers
        value = RecordValue(record)
    }

    /// By the envelope, else by the header.
    var type: String? {
        if case .envelope(let type, _) = value { return type }
        return headers.first { $0.name == "ce_type" }.flatMap { Self.text($0.value) }
    }

    var key: String? { record.key.flatMap { Self.text($0) } }

    func appendJSON(to bytes: inout [UInt8]) {
        var json = JSONWriter(capacity: record.value.count + 512)
        json.object { json in
            if let key = record.key {
                Self.write("key", "keyBase64", key, to: &json)
            } else {
                json.key("key"); json.null()
            }
            json.field("partition", Int64(record.partition))
            json.field("offset", record.offset)
            json.key("timestamp")
            json.raw { RFC3339.append(record.timestamp * 1_000, to: &$0) }
            json.field("type", type)
            json.key("headers")
            json.object { json in writeHeaders(to: &json) }
            switch value {
            case .tombstone:
                json.key("payload")
                json.null()
            case .envelope(_, let payload), .json(let payload):
                json.key("payload")
                json.raw { Self.appendOneLine(payload, to: &$0) }
            case .other(let value): Self.write("payload", "payloadBase64", value, to: &json)
            }
        }
        bytes.append(contentsOf: json.bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    func appendText(to bytes: inout [UInt8]) {
        let key = record.key.map { Self.text($0) ?? Data($0).base64EncodedString() } ?? "-"
        let place = "\(record.partition)/\(record.offset)"
        bytes.append(contentsOf: "\(RFC3339.text(record.timestamp * 1_000))  \(place)  ".utf8)
        Self.appendVisible(key, to: &bytes)
        bytes.append(contentsOf: "  ".utf8)
        Self.appendVisible(type ?? "-", to: &bytes)
        bytes.append(contentsOf: "  ".utf8)
        switch value {
        case .tombstone: bytes.append(contentsOf: "null".utf8)
        case .envelope(_, let payload), .json(let payload): Self.appendOneLine(payload, to: &bytes)
        case .other(let value):
            Self.appendVisible(Self.text(value) ?? "base64:" + Data(value).base64EncodedString(), to: &bytes)
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Names may repeat: such a one has an array of its values.
    private func writeHeaders(to json: inout JSONWriter) {
        func write(_ value: UnsafeRawBufferPointer, _ json: inout JSONWriter) {
            if let text = Self.text(value) {
                json.value(text)
            } else {
                json.object { $0.field("base64", Data(value).base64EncodedString()) }
            }
        }
        for (index, header) in headers.enumerated() {
            let all = headers.filter { $0.name == header.name }
            if all.count == 1 {
                json.key(dynamic: header.name)
                write(header.value, &json)
            } else if headers.firstIndex(where: { $0.name == header.name }) == index {
                json.key(dynamic: header.name)
                json.array { json in for each in all { write(each.value, &json) } }
            }
        }
    }

    private static func write(
        _ name: StaticString, _ base64Name: StaticString, _ value: UnsafeRawBufferPointer, to json: inout JSONWriter
    ) {
        if let text = text(value) {
            json.field(name, text)
        } else {
            json.field(base64Name, Data(value).base64EncodedString())
        }
    }

    /// Nil for bytes that aren't UTF-8.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String? { String(validating: bytes, as: UTF8.self) }

    /// Valid JSON has line ends between its tokens only.
    private static func appendOneLine(_ json: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: json)
        for index in start..<bytes.count where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x20 }
    }

    /// A terminal must not obey what is in a topic.
    private static func appendVisible(_ text: String, to bytes: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            bytes.append(contentsOf: isControl ? Array("\u{FFFD}".utf8) : Array(String(scalar).utf8))
        }
    }
}

/// What a record's value is.
enum RecordValue {
    case tombstone
    /// `{"type":…,"payload":…}`; the payload as it stands.
    case envelope(type: String, payload: UnsafeRawBufferPointer)
    case json(UnsafeRawBufferPointer)
    case other(UnsafeRawBufferPointer)

    init(_ record: ConsumedMessage) {
        guard !record.isTombstone else {
            self = .tombstone
            return
        }
        let value = record.value
        var reader = JSONReader(value, depthLimit: JSONReader.maximumDepth)
        do {
            guard reader.peekKind() == .object else {
                let raw = try reader.rawValue()
                try reader.end()
                self = .json(raw)
                return
            }
            var type: String?
            var payload: UnsafeRawBufferPointer?
            try reader.readObject { key, reader in
                if key == "type", reader.peekKind() == .string {
                    type = try reader.readString()
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
}
