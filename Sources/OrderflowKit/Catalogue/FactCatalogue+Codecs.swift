import Messaging
import Orders
import Schemas

extension FactCatalogue {
    /// What every reader and relay of a process reads and writes payloads by. A fact whose schema can't be told has no
    /// format but JSON.
    ///
    /// - Parameter ids: of the schemas; nil takes those that need nobody to give them.
    public func payloadCodecs(ids: (any SchemaIDs)? = nil) throws(SchemaError) -> PayloadCodecs {
        var schemas: [(names: [String], schema: MessageSchema)] = []
        for payload in all {
            guard let schema = try? payload.schema, (try? schema.validate()) != nil else { continue }
            schemas.append(([payload.type] + payload.aliases, schema))
        }
        guard let ids else {
            return PayloadCodecs(SchemaPayloads(schemas, ids: try OwnSchemaIDs(schemas.map(\.schema))))
        }
        return PayloadCodecs(SchemaPayloads(schemas, ids: ids))
    }
}
