import Execution
import Schemas

@testable import Messaging

/// Gives `Noted` a schema, and knows ids as a registry does: some, and while it is there.
final class NotedRegistry: SchemaIDs {
    static let schema = MessageSchema(
        "Noted", version: 2, "In tests.",
        [
            .optional(1, "n", .int64), .optional(2, "fails", .bool), .optional(3, "total", .amount),
            .optional(4, "at", .time), .optional(5, "tags", .list(.text)),
        ])
    static let protobufID: Int32 = 7
    static let avroID: Int32 = 8

    private struct State {
        var isAway = false
        var known: [Int32: SchemaDefinition] = [
            NotedRegistry.protobufID: .protobuf(ProtoFile(NotedRegistry.schema)),
            NotedRegistry.avroID: .avro(AvroDocument(NotedRegistry.schema)),
        ]
        var asked = 0
    }
    private let state = Monitor(State())

    var isAway: Bool {
        get { state.withLock { $0.isAway } }
        set { state.update { $0.isAway = newValue } }
    }

    /// Questions so far.
    var asked: Int { state.withLock { $0.asked } }

    func know(_ id: Int32, _ definition: SchemaDefinition) { state.withLock { $0.known[id] = definition } }

    /// A reader's view of it.
    var codecs: PayloadCodecs { PayloadCodecs(SchemaPayloads([(["Noted", "noted"], Self.schema)], ids: self)) }

    func id(of reference: SchemaReference) throws(SchemaLookupError) -> Int32 {
        try ask()
        guard reference.type == "Noted", reference.version == 2 else { throw .unknown("no schema \(reference)") }
        return reference.format == .protobuf ? Self.protobufID : Self.avroID
    }

    func schema(of id: Int32) throws(SchemaLookupError) -> RegisteredSchema {
        try ask()
        guard let definition = state.withLock({ $0.known[id] }) else { throw .unknown("there is no schema \(id)") }
        return RegisteredSchema(id: id, definition: definition)
    }

    private func ask() throws(SchemaLookupError) {
        let isAway = state.withLock { state in
            state.asked += 1
            return state.isAway
        }
        if isAway { throw .unavailable("the registry is away") }
    }
}
