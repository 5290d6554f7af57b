import Kafka
import WireFormats

/// A record's payload as it is shown to operators: JSON, whatever the topic has.
public enum RecordPayload {
    /// The value is JSON, or nothing that a codec of ours has to do with.
    case asItIs
    /// What a codec made of the value.
    case json([UInt8])
    /// A codec's business, which it can't read, and why.
    case unreadable(String)

    /// Of a record on whatever topic, of whichever producer.
    public init(_ record: ConsumedMessage, by codecs: PayloadCodecs = .installed) {
        guard !record.isTombstone else {
            self = .asItIs
            return
        }
        var headers = EnvelopeHeaders()
        record.forEachRawHeader { headers.take($0, $1) }
        self.init(record.value, headers, by: codecs)
    }

    /// Of a dead letter, which keeps the bytes that came.
    ///
    /// - Parameter headers: the letter's, as JSON.
    public init(letter value: [UInt8], headers: [UInt8], by codecs: PayloadCodecs = .installed) {
        var envelope = EnvelopeHeaders()
        // Headers that are none name no format.
        try? headers.withUnsafeBytes { json in try LetterHeaders.read(json) { envelope.take($0, $1) } }
        self = value.withUnsafeBytes { RecordPayload($0, envelope, by: codecs) }
    }

    private init(_ value: UnsafeRawBufferPointer, _ headers: EnvelopeHeaders, by codecs: PayloadCodecs) {
        self = .asItIs
        if codecs.isJSON(value.first, headers.contentType) { return }
        guard let type = headers.type,
            let codec = try? codecs.codec(of: headers.contentType, first: value.first), !codec.contentType.isJSON
        else { return }
        do throws(PayloadCodecError) {
            self = .json(
                try codecs.json(
                    of: Array(value), headers.contentType, type: type,
                    schemaVersion: headers.schemaVersion ?? codecs.presentVersion(of: type)))
        } catch {
            self = .unreadable("\(error)")
        }
    }
}
