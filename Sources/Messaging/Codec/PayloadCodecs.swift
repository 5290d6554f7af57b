import JSON

/// The codecs of an installation. A payload's content type chooses among them.
public struct PayloadCodecs: Sendable {
    /// What every service of this program reads. A further format is a line here, beside a file with its codec.
    public static let installed = PayloadCodecs([
        JSONPayloadCodec()
    ])

    private let codecs: [any PayloadCodec]

    /// - Parameter codecs: the first one of a content type is taken.
    public init(_ codecs: [any PayloadCodec]) { self.codecs = codecs }

    /// Bytes that a payload's JSON has at most: what a codec unpacks has to be held in memory, and stored.
    static let limit = 4 << 20

    /// The payload as the JSON object that coders of facts and commands read. For a JSON payload those are its own bytes,
    /// not copied and not looked at.
    public func json(
        of payload: [UInt8], _ contentType: ContentType, type: String, schemaVersion: Int
    ) throws(PayloadCodecError) -> [UInt8] {
        if contentType.isJSON { return payload }
        let codec = try codec(of: contentType)
        if codec.contentType.isJSON { return payload }
        let json: [UInt8]
        do {
            json = try codec.json(of: payload, type: type, schemaVersion: schemaVersion)
            guard json.count <= Self.limit else {
                throw PayloadCodecError("\(json.count) bytes of JSON, more than \(Self.limit)")
            }
            try json.withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                guard reader.peekKind() == .object else {
                    throw JSONError(reason: "must be an object", offset: reader.offset, isWrongType: true)
                }
                try reader.skipValue()
                try reader.end()
            }
        } catch {
            throw PayloadCodecError("the payload can't be read as \(contentType): \(error)")
        }
        return json
    }

    /// The codec that a content type names. A type that says nothing of a format (`text/plain`,
    /// `application/octet-stream`) and has no codec of its own is read as JSON, which foreign producers send under it.
    ///
    /// - Throws: `PayloadCodecError` where the installation has no codec of that type, and for what is no media type.
    public func codec(of contentType: ContentType) throws(PayloadCodecError) -> any PayloadCodec {
        guard let essence = contentType.essence else {
            throw PayloadCodecError("content-type \(contentType) is no media type (RFC 9110 §8.3.1)")
        }
        if let codec = codecs.first(where: { $0.contentType.essence == essence }) { return codec }
        if contentType.isGeneric, let codec = codecs.first(where: { $0.contentType.isJSON }) { return codec }
        let known = codecs.map(\.contentType.description).joined(separator: ", ")
        throw PayloadCodecError("content-type \(contentType) is unknown here (known: \(known))")
    }
}

/// A payload can't be read by its content type.
public struct PayloadCodecError: Error, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
