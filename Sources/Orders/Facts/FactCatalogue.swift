import Schemas

/// Facts and commands by their names on the wire: what a topic's records are decoded by.
///
/// Every consumer is given the catalogue of the whole installation, so that one group refuses what any other would
/// refuse. A service's source names only those that it reads, in a catalogue of its own.
public struct FactCatalogue: Sendable {
    /// Two payloads go by one name.
    public struct Conflict: Error, Hashable, Sendable, CustomStringConvertible {
        public let type: String
        public let payloads: [String]

        public var description: String { "\(type) is the name of both \(payloads.joined(separator: " and "))" }
    }

    private let payloads: [String: any MessagePayload.Type]

    /// The same one may be named by several.
    public init(_ payloads: some Sequence<any MessagePayload.Type>) throws(Conflict) {
        var known: [String: any MessagePayload.Type] = [:]
        for payload in payloads {
            for name in [payload.type] + payload.aliases {
                if let other = known[name], ObjectIdentifier(other) != ObjectIdentifier(payload) {
                    throw Conflict(type: name, payloads: ["\(other)", "\(payload)"])
                }
                known[name] = payload
            }
        }
        self.payloads = known
    }

    /// All of several catalogues.
    public init(joining catalogues: some Sequence<FactCatalogue>) throws(Conflict) {
        try self.init(catalogues.flatMap { Array($0.payloads.values) })
    }

    private init(checked payloads: [String: any MessagePayload.Type]) { self.payloads = payloads }

    /// All names, also those that only other producers use.
    public var types: Set<String> { Set(payloads.keys) }

    /// Each once, by its name.
    public var all: [any MessagePayload.Type] {
        payloads.filter { $0.key == $0.value.type }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What each says, for formats other than JSON, by its name.
    public var schemas: [MessageSchema] {
        get throws(SchemaError) {
            var schemas: [MessageSchema] = []
            for payload in all {
                let schema = try payload.schema
                try schema.validate()
                schemas.append(schema)
            }
            return schemas
        }
    }

    /// The facts about orders alone.
    public var orderFacts: FactCatalogue {
        FactCatalogue(checked: payloads.filter { $0.value is any OrderFact.Type })
    }

    /// Reads a payload; nil for a type that isn't in here.
    public func decode(_ type: String, _ encoded: EncodedPayload) throws(PayloadError) -> (any MessagePayload)? {
        guard let payload = payloads[type] else { return nil }
        return try Self.decode(payload, encoded)
    }

    private static func decode<Payload: MessagePayload>(
        _ payload: Payload.Type, _ encoded: EncodedPayload
    ) throws(PayloadError) -> any MessagePayload {
        try payload.init(encoded)
    }
}

extension FactCatalogue: ExpressibleByArrayLiteral {
    /// A list in a program's source; two of one name are a mistake in it.
    public init(arrayLiteral payloads: any MessagePayload.Type...) {
        do {
            try self.init(payloads)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
