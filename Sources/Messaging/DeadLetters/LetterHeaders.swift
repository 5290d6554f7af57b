import Foundation
import JSON
import Kafka

/// A record's headers as a JSON object, nothing of them lost: a text as a string, `{"base64":"…"}` for bytes that are
/// none that `jsonb` can hold, and an array where a name repeats. So `orderflow replay` shows them too.
enum LetterHeaders {
    typealias Header = (name: String, value: [UInt8])

    static func all(of record: ConsumedMessage) -> [Header] {
        var headers: [Header] = []
        record.forEachHeader { headers.append((name: $0, value: Array($1))) }
        return headers
    }

    static func json(_ headers: [Header]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { json in
            for (name, values) in Dictionary(grouping: headers, by: \.name).sorted(by: { $0.key < $1.key }) {
                json.key(dynamic: name)
                if values.count == 1 {
                    write(values[0].value, into: &json)
                } else {
                    json.array { json in for header in values { write(header.value, into: &json) } }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ value: [UInt8], into json: inout JSONWriter) {
        if !value.contains(0), let text = String(validating: value, as: UTF8.self) {
            json.value(text)
        } else {
            json.object { $0.field("base64", Data(value).base64EncodedString()) }
        }
    }

    /// Reads what `json` wrote: each header, those of one name in their order.
    static func read(_ json: UnsafeRawBufferPointer, _ body: (String, UnsafeRawBufferPointer) throws -> Void) throws {
        var reader = JSONReader(json)
        try reader.readObject { key, reader in
            let name = key.string
            guard reader.peekKind() == .array else { return try value(&reader) { try body(name, $0) } }
            try reader.readArray { _, reader in try value(&reader) { try body(name, $0) } }
        }
    }

    private static func value(
        _ reader: inout JSONReader, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard reader.peekKind() == .object else { return try reader.readText(body) }
        try reader.readObject { key, reader in
            guard key == "base64" else { return try reader.skipValue() }
            let offset = reader.offset
            guard let data = Data(base64Encoded: try reader.readString()) else {
                throw JSONError(reason: "must be base64", offset: offset)
            }
            try data.withUnsafeBytes(body)
        }
    }
}

extension RecordSize {
    static func of(_ headers: [LetterHeaders.Header]) -> Int {
        headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.count + headerLengths }
    }
}
