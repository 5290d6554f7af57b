import JSON
import Kafka
import Postgres

extension RelayEncoder {
    /// A fact's copies, each written and signed for the topic that it goes to.
    ///
    /// - Parameter topic: of the fact, as routes know it.
    mutating func copies(
        of original: OutgoingMessage, on topic: String, _ row: Row, by routes: RouteTable
    ) throws -> [RelayCopy] {
        func header(_ name: String) -> String? { original.headers[name].map { String(decoding: $0, as: UTF8.self) } }
        let fact = RoutedFact(
            topic: topic, tenant: header(EventHeader.tenant) ?? TenantName.standard,
            type: try row.get(3, as: String.self), key: try row.get(2, as: String.self),
            source: header(EventHeader.source), payload: { try? Self.payload(of: row) })
        return try routes.routes(of: fact).map { route in
            var copy = try event(row, topic: route.target)
            signatures?.sign(&copy)
            return RelayCopy(message: copy, route: route.name)
        }
    }

    private static func payload(of row: Row) throws -> JSONValue {
        let contentType = row.isNull(9) ? ContentType.json : ContentType(try row.get(9, as: String.self))
        let bytes = try row.withBytes(contentType.isJSON ? 5 : 8) { Array($0) }
        let json = try PayloadCodecs.installed.json(
            of: bytes, contentType, type: try row.get(3, as: String.self),
            schemaVersion: Int(try row.get(4, as: Int32.self)))
        return try JSONValue(parsing: json)
    }
}
