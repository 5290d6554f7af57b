/// A schema of Apache Avro 1.12 ("Schema Declaration").
public indirect enum AvroSchema: Hashable, Sendable {
    case null, boolean, int, long, float, double, bytes, string
    case array(AvroSchema)
    /// Keys are strings.
    case map(AvroSchema)
    /// In the order of their numbers on the wire.
    case union([AvroSchema])
    case record(AvroRecord)
    case enumeration(AvroEnumeration)
    case fixed(AvroFixed)
    /// A type that the document has declared before, by its full name: `AvroDocument.resolve` finds it.
    case named(String)
    /// A type with a meaning beyond its encoding; who doesn't know it reads the type below.
    case logical(AvroLogicalType, AvroSchema)

    /// Without the meaning: what the bytes are.
    public var bare: AvroSchema {
        if case .logical(_, let schema) = self { schema.bare } else { self }
    }
}

/// A record: its fields follow each other on the wire, without tags.
public struct AvroRecord: Hashable, Sendable {
    /// With its namespace: `orderflow.avro.v1.OrderCreated`.
    public let fullName: String
    public let doc: String
    public let aliases: [String]
    public let fields: [AvroField]

    public init(_ fullName: String, doc: String = "", aliases: [String] = [], _ fields: [AvroField]) {
        self.fullName = fullName
        self.doc = doc
        self.aliases = aliases
        self.fields = fields
    }
}

public struct AvroField: Hashable, Sendable {
    public let name: String
    public let doc: String
    public let aliases: [String]
    public let schema: AvroSchema
    /// As JSON text; nil where there is none.
    public let defaultValue: String?

    public init(
        _ name: String, _ schema: AvroSchema, doc: String = "", aliases: [String] = [], defaultValue: String? = nil
    ) {
        self.name = name
        self.doc = doc
        self.aliases = aliases
        self.schema = schema
        self.defaultValue = defaultValue
    }
}

public struct AvroEnumeration: Hashable, Sendable {
    public let fullName: String
    public let aliases: [String]
    public let symbols: [String]
    /// What readers take for a symbol that they don't know; nil where that is an error.
    public let defaultSymbol: String?

    public init(_ fullName: String, aliases: [String] = [], _ symbols: [String], defaultSymbol: String? = nil) {
        self.fullName = fullName
        self.aliases = aliases
        self.symbols = symbols
        self.defaultSymbol = defaultSymbol
    }
}

/// So many bytes.
public struct AvroFixed: Hashable, Sendable {
    public let fullName: String
    public let aliases: [String]
    public let size: Int

    public init(_ fullName: String, aliases: [String] = [], size: Int) {
        self.fullName = fullName
        self.aliases = aliases
        self.size = size
    }
}

public struct AvroLogicalType: Hashable, Sendable {
    /// `timestamp-micros`, `decimal`, or one that nobody here knows.
    public let name: String
    /// Of `decimal`.
    public let precision: Int?
    public let scale: Int?

    public init(_ name: String, precision: Int? = nil, scale: Int? = nil) {
        self.name = name
        self.precision = precision
        self.scale = scale
    }

    public static let timestampMicros = AvroLogicalType("timestamp-micros")
}

/// A schema, and every type that has a name in it.
public struct AvroDocument: Hashable, Sendable {
    public let root: AvroSchema
    /// By full names.
    public let names: [String: AvroSchema]

    public init(_ root: AvroSchema) {
        self.root = root
        var names: [String: AvroSchema] = [:]
        Self.collect(root, into: &names)
        self.names = names
    }

    /// The declaration where `schema` is but a name; itself otherwise. Nil for a name that isn't declared, which a parsed
    /// document hasn't.
    public func resolve(_ schema: AvroSchema) -> AvroSchema? {
        if case .named(let name) = schema { names[name] } else { schema }
    }

    private static func collect(_ schema: AvroSchema, into names: inout [String: AvroSchema]) {
        switch schema {
        case .array(let element), .map(let element), .logical(_, let element): collect(element, into: &names)
        case .union(let branches): for branch in branches { collect(branch, into: &names) }
        case .record(let record):
            names[record.fullName] = schema
            for field in record.fields { collect(field.schema, into: &names) }
        case .enumeration(let enumeration): names[enumeration.fullName] = schema
        case .fixed(let fixed): names[fixed.fullName] = schema
        default: break
        }
    }
}
