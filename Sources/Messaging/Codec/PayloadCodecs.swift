import Execution
import JSON
import Schemas
import WireFormats

/// The codecs of an installation. A payload's content type chooses among them, and its first byte where that says nothing.
public struct PayloadCodecs: Sendable {
    /// What every service of this process reads, from when its readers are made. A further format is a line where it is
    /// put together, beside a file with its codec.
    public static var installed: PayloadCodecs { current.withLock { $0 } }
    public static func install(_ codecs: PayloadCodecs) { current.withLock { $0 = codecs } }
    private static let current = Monitor(PayloadCodecs([JSONPayloadCodec()]))

    private let codecs: [any PayloadCodec]
    /// By the types that they are chosen by, without parameters and in lower case.
    private let byEssence: [String: Choice]
    /// Of the formats that go by schemas; nil where there are none.
    let schemas: SchemaPayloads?

    /// - Parameter codecs: the first one of a content type is taken.
    public init(_ codecs: [any PayloadCodec]) { self.init(codecs, schemas: nil) }

    /// JSON, and the formats that go by schemas.
    public init(_ schemas: SchemaPayloads) {
        self.init(
            [JSONPayloadCodec()] + SchemaFormat.allCases.map { SchemaPayloadCodec($0, schemas) }, schemas: schemas)
    }

    private init(_ codecs: [any PayloadCodec], schemas: SchemaPayloads?) {
        self.codecs = codecs
        self.schemas = schemas
        var byEssence: [String: Choice] = [:]
        for codec in codecs {
            for type in [codec.contentType] + codec.aliases {
                guard let essence = type.essence, byEssence[essence] == nil else { continue }
                byEssence[essence] = Choice(codec: codec, isGeneric: type.isGeneric)
            }
        }
        self.byEssence = byEssence
    }

    private struct Choice: Sendable {
        let codec: any PayloadCodec
        /// By a type that says nothing of a format, where a value's first byte says more.
        let isGeneric: Bool
    }

    /// Bytes that a payload's JSON has at most: what a codec unpacks has to be held in memory, and stored.
    static let limit = 4 << 20

    /// The payload as the JSON object that coders of facts and commands read. For a JSON payload those are its own bytes,
    /// not copied and not looked at.
    public func json(
        of payload: [UInt8], _ contentType: ContentType, type: String, schemaVersion: Int
    ) throws(PayloadCodecError) -> [UInt8] {
        if isJSON(payload.first, contentType) { return payload }
        let codec = try codec(of: contentType, first: payload.first)
        if codec.contentType.isJSON { return payload }
        let json: [UInt8]
        do {
            json = try codec.json(of: payload, type: type, schemaVersion: schemaVersion)
            guard json.count <= Self.limit else {
                throw PayloadCodecError("\(json.count) bytes of JSON, more than \(Self.limit)")
            }
            if !codec.isTrusted { try Self.check(json) }
        } catch {
            var isPassing = false
            if case .unavailable = error as? SchemaLookupError { isPassing = true }
            let name = contentType.isJSON || contentType.isGeneric ? codec.contentType : contentType
            throw PayloadCodecError("the payload can't be read as \(name): \(error)", isPassing: isPassing)
        }
        return json
    }

    /// It has to be one object.
    private static func check(_ json: [UInt8]) throws {
        try json.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            guard reader.peekKind() == .object else {
                throw JSONError(reason: "must be an object", offset: reader.offset, isWrongType: true)
            }
            try reader.skipValue()
            try reader.end()
        }
    }

    /// Whether a value is JSON, as nearly every one is. The serializers of Confluent's clients name no type: what begins
    /// as theirs do is none.
    func isJSON(_ first: UInt8?, _ contentType: ContentType) -> Bool {
        contentType.isJSON && (first != ConfluentFrame.magic || schemas == nil)
    }

    /// The codec that a content type names. A type that says nothing of a format (`text/plain`,
    /// `application/octet-stream`) and has no codec of its own is read as JSON, which foreign producers send under it.
    ///
    /// - Parameter first: the payload's first byte.
    /// - Throws: `PayloadCodecError` where the installation has no codec of that type, and for what is no media type.
    public func codec(
        of contentType: ContentType, first: UInt8? = nil
    ) throws(PayloadCodecError) -> any PayloadCodec {
        // Of nearly every record that isn't JSON: the type as it stands is one that a codec has.
        if let name = contentType.name, let choice = byEssence[name], !choice.isGeneric { return choice.codec }
        guard let essence = contentType.essence else {
            throw PayloadCodecError("content-type \(contentType) is no media type (RFC 9110 §8.3.1)")
        }
        if first == ConfluentFrame.magic, let schemas, contentType.isGeneric || contentType.isJSON {
            return SchemaPayloadCodec(nil, schemas)
        }
        if let choice = byEssence[essence] { return choice.codec }
        if contentType.isGeneric, let codec = codecs.first(where: { $0.contentType.isJSON }) { return codec }
        let known = codecs.map(\.contentType.description).joined(separator: ", ")
        throw PayloadCodecError("content-type \(contentType) is unknown here (known: \(known))")
    }

    /// The schema version of a record that doesn't say its own: a binary one was written by a schema, as ours are now.
    func presentVersion(of type: String) -> Int { schemas?.presentVersion(of: type) ?? 1 }
}

/// A payload can't be read by its content type.
public struct PayloadCodecError: Error, Sendable, CustomStringConvertible {
    public let description: String
    /// Not now: its schema can't be asked for.
    public let isPassing: Bool

    init(_ description: String, isPassing: Bool = false) {
        self.description = description
        self.isPassing = isPassing
    }
}
