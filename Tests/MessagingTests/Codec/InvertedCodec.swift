@testable import Messaging

/// A binary format: bytes that are no text, and then JSON with each bit the other way round.
struct InvertedCodec: PayloadCodec {
    static let contentType = ContentType("application/x-inverted; v=1")
    static let codecs = PayloadCodecs([JSONPayloadCodec(), InvertedCodec()])
    private static let mark: [UInt8] = [0x00, 0xFF, 0xC0]

    var contentType = ContentType("application/x-inverted")

    func json(of payload: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8] {
        guard payload.starts(with: Self.mark) else { throw Unmarked() }
        return payload.dropFirst(Self.mark.count).map { ~$0 }
    }

    func payload(ofJSON json: [UInt8], type: String, schemaVersion: Int) -> [UInt8] { Self.mark + json.map { ~$0 } }

    static func payload(_ json: String) -> [UInt8] {
        InvertedCodec().payload(ofJSON: Array(json.utf8), type: "Noted", schemaVersion: 1)
    }

    struct Unmarked: Error {}
}
