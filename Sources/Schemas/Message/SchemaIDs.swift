/// A format that payloads have beside JSON, and that needs a schema to be read.
public enum SchemaFormat: String, Hashable, Sendable, CaseIterable {
    case protobuf, avro
}

/// Which schema is meant: of one message, in one version, for one format.
public struct SchemaReference: Hashable, Sendable, CustomStringConvertible {
    public let type: String
    public let version: Int
    public let format: SchemaFormat

    public init(type: String, version: Int, format: SchemaFormat) {
        self.type = type
        self.version = version
        self.format = format
    }

    public var description: String { "\(type) v\(version) (\(format.rawValue))" }
}

/// A schema that has an id: what stands behind the magic byte of a record in Confluent's wire format.
public struct RegisteredSchema: Hashable, Sendable {
    public let id: Int32
    /// Parsed, as its writer has it; foreign producers write by schemas of their own.
    public let definition: SchemaDefinition
    /// Which of our messages it is the present schema of; nil for those of foreign producers and of older releases.
    public let reference: SchemaReference?

    public init(id: Int32, definition: SchemaDefinition, reference: SchemaReference? = nil) {
        self.id = id
        self.definition = definition
        self.reference = reference
    }
}

/// A schema in one of the formats.
public enum SchemaDefinition: Hashable, Sendable {
    case protobuf(ProtoFile)
    case avro(AvroDocument)
}

/// Finds schemas by ids and ids by schemas. What has been found once is found again without asking.
///
/// Calls may read PostgreSQL and ask a registry the first time, and so are made where a thread may wait.
public protocol SchemaIDs: Sendable {
    /// The id to write before a payload.
    ///
    /// - Throws: `.unavailable` while the schema has no id and who gives ids can't be reached: what can wait waits, and
    ///   what can't is sent as JSON. `.unknown` for a message that no service of this program declares.
    func id(of reference: SchemaReference) throws(SchemaLookupError) -> Int32

    /// The schema that a record's id names.
    ///
    /// - Throws: `.unavailable` while it can't be asked for: an outage, to be tried again. `.unknown` where who gives
    ///   ids has said that there is none, or that it is one that can't be read: the record is poison.
    func schema(of id: Int32) throws(SchemaLookupError) -> RegisteredSchema
}

/// Why a schema or its id wasn't found.
public enum SchemaLookupError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For good: no such schema, or none that can be read.
    case unknown(String)
    /// Not now.
    case unavailable(String)

    public var description: String {
        switch self {
        case .unknown(let words), .unavailable(let words): words
        }
    }
}
