/// What a fact or command says, as data: the members of its payload, from which formats other than JSON are made.
///
/// It describes the JSON that the payload's coder writes. Each member has a number that is its own for ever, since
/// Protocol Buffers know members by nothing else: a member that is taken away leaves its number in `reserved`.
public struct MessageSchema: Hashable, Sendable {
    /// The name on the wire: `OrderCreated`.
    public let type: String
    /// Of the payload. A change that old records don't fit is a new version, and a schema with a name of its own.
    public let version: Int
    /// One sentence or more, for the readers of the schema.
    public let summary: String
    public let record: RecordSchema

    public var fields: [SchemaField] { record.fields }

    /// - Parameter reserved: numbers of members that were taken away.
    public init(
        _ type: String, version: Int = 1, _ summary: String, reserved: Set<Int> = [], _ fields: [SchemaField]
    ) {
        self.type = type
        self.version = version
        self.summary = summary
        record = RecordSchema(type, reserved: reserved, fields)
    }
}

/// The members of an object.
public struct RecordSchema: Hashable, Sendable {
    /// Of the object's kind, such as `OrderLine`; unique among the records of a message.
    public let name: String
    /// In the order in which they are written.
    public let fields: [SchemaField]
    public let reserved: Set<Int>

    public init(_ name: String, reserved: Set<Int> = [], _ fields: [SchemaField]) {
        self.name = name
        self.fields = fields
        self.reserved = reserved
    }

    /// The member of a name; nil where there is none.
    public subscript(_ name: String) -> SchemaField? { fields.first { $0.name == name } }
}

/// One member of an object.
public struct SchemaField: Hashable, Sendable {
    /// As the JSON has it: `orderId`.
    public let name: String
    /// From 1 to 536 870 911, without 19 000 to 19 999 (the Protocol Buffers Language Guide, "Assigning Field Numbers").
    public let number: Int
    public let type: SchemaType
    /// May be missing. Every other member is always written.
    public let isOptional: Bool
    /// Empty where the name says it all.
    public let summary: String

    public init(_ number: Int, _ name: String, _ type: SchemaType, isOptional: Bool = false, _ summary: String = "") {
        self.number = number
        self.name = name
        self.type = type
        self.isOptional = isOptional
        self.summary = summary
    }

    /// One that may be missing.
    public static func optional(
        _ number: Int, _ name: String, _ type: SchemaType, _ summary: String = ""
    ) -> SchemaField {
        SchemaField(number, name, type, isOptional: true, summary)
    }
}

/// What a member's value is, by how the JSON has it.
public indirect enum SchemaType: Hashable, Sendable {
    /// A string.
    case text
    /// `true` or `false`.
    case bool
    /// A number without fraction or exponent.
    case int32
    case int64
    /// Any number, as binary64.
    case double
    /// RFC 3339 text in UTC with microseconds: microseconds since the Unix epoch, in an `Int64`.
    case time
    /// A number with all decimal digits of its currency, exact. Formats without decimals have it as its text: a binary
    /// fraction would lose what it says, and the number of digits follows from the currency beside it.
    case amount
    /// An array.
    case list(SchemaType)
    /// An object.
    case record(RecordSchema)
    /// Any JSON, whose shape nobody has declared. Other formats have it as its text.
    case json
}
