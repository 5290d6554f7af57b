import Hashing

/// Ids that need nobody to give them: they follow from the schemas' texts, and so are the same in every installation, on
/// every day, without a word between services. Registries count from 1 and don't come here: these begin at 2³⁰.
public struct OwnSchemaIDs: SchemaIDs {
    /// Every schema of this program.
    public let texts: [SchemaText]
    private let ids: [SchemaReference: Int32]
    private let schemas: [Int32: RegisteredSchema]

    /// - Throws: where two schemas get one id, of which 2³⁰ make that unlikely.
    public init(_ schemas: some Sequence<MessageSchema>) throws(SchemaError) {
        texts = SchemaText.all(schemas)
        var (ids, known) = ([SchemaReference: Int32](), [Int32: RegisteredSchema]())
        for text in texts {
            let id = Self.id(of: text.text)
            let schema = RegisteredSchema(id: id, definition: text.definition, reference: text.reference)
            if let other = known.updateValue(schema, forKey: id) {
                throw SchemaError(type: text.reference.type, detail: "\(text.reference) has the id of \(other)")
            }
            ids[text.reference] = id
        }
        (self.ids, self.schemas) = (ids, known)
    }

    /// The first 30 bits of the text's SHA-256 above 2³⁰.
    public static func id(of text: String) -> Int32 {
        let hash = Digest.sha256.hash(Array(text.utf8)).prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Int32(bitPattern: hash >> 2 | 1 << 30)
    }

    /// Whether an id is of these, known here or not.
    public static func isOwn(_ id: Int32) -> Bool { id >= 1 << 30 }

    public func id(of reference: SchemaReference) throws(SchemaLookupError) -> Int32 {
        guard let id = ids[reference] else {
            throw .unknown("no service of this program declares \(reference)")
        }
        return id
    }

    public func schema(of id: Int32) throws(SchemaLookupError) -> RegisteredSchema {
        guard let schema = schemas[id] else {
            throw .unknown(
                "no schema of this program has the id \(id), and schemas.registry_url names no registry to ask")
        }
        return schema
    }
}
