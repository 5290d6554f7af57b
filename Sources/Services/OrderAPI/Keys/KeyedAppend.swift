import JSON
import Messaging
import Postgres

/// Appends the beginning of what an Idempotency-Key stands for, unless it is there: under its id, or under the one that
/// the key stood for before ids took in the installation's secret.
///
/// Both streams are begun in one transaction, the former one with nothing but a word on where to look. So a process of
/// the version before, which knows the former id alone, finds it taken, and neither makes a second one.
struct KeyedAppend: Sendable {
    let append: StreamAppend
    /// Nil where former ids aren't looked for any more.
    let formerStream: String?
    /// Of the streams that the key may stand for.
    let categories: Set<String>

    /// Never published, and no order's or user's.
    private static let category = "renamed-key"

    /// Nil where it was appended; else the stream that was there.
    func make(on connection: Connection) throws -> String? {
        guard let formerStream, try !begin(with: formerStream, on: connection) else {
            if formerStream != nil { return nil }
            return try EventStore.append([append], on: connection).isEmpty ? nil : append.streamID
        }
        if try !load(append.streamID, categories, on: connection).isEmpty { return append.streamID }
        guard let first = try load(formerStream, categories.union([Self.category]), on: connection).first else {
            throw BrokenStream(streamID: formerStream, version: 1)
        }
        guard first.category == Self.category else { return formerStream }
        // Another caller's key of the same text has taken the former id: that one was nobody's in particular.
        return try KeyedAppend(append: append, formerStream: nil, categories: categories).make(on: connection)
    }

    private struct Taken: Error {}

    private func begin(with formerStream: String, on connection: Connection) throws -> Bool {
        var word = JSONWriter()
        word.object { $0.field("streamId", append.streamID) }
        let marker = StreamAppend(
            tenant: append.tenant, streamID: formerStream, category: Self.category, expectedVersion: 0,
            events: append.events.prefix(1).map {
                NewEvent(type: "KeyRenamed", data: word.bytes, metadata: $0.metadata)
            })
        do {
            try connection.transaction { connection in
                guard try EventStore.append([append, marker], on: connection).isEmpty else { throw Taken() }
            }
            return true
        } catch is Taken {
            return false
        }
    }

    private func load(
        _ streamID: String, _ categories: Set<String>, on connection: Connection
    ) throws -> [StoredEvent] {
        try EventStore.load(tenant: append.tenant, streamID: streamID, categories: categories, on: connection)
    }
}
