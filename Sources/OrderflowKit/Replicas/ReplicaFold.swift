import Messaging
import Orders
import Postgres

/// Facts on their way into a replica: of each row what counts by the replica's rule, so that a batch is one statement. A
/// group's handler, a rebuild and the comparison use the same one.
public struct ReplicaFold: HistoryFold {
    private struct Entry {
        /// By the replica's parts.
        var parts: [ReplicaSaid?]
        /// Whether all that was said of the row was said under its key alone.
        var isKeyedAlike = true
    }

    private let replica: Replica
    private var entries: [ReplicaKey: Entry] = [:]

    public init(_ replica: Replica) { self.replica = replica }

    public var isEmpty: Bool { entries.isEmpty }

    /// The rows that something was said of, in the order in which they are written.
    package var keys: [ReplicaKey] { entries.keys.sorted() }

    public mutating func add(_ message: InboundMessage) throws(MessageRejected) {
        guard let fact = try message.payload(of: replica.facts) else { return }
        add(fact, of: message)
    }

    /// For a handler that has read the message already; nothing where the replica has nothing from such facts.
    ///
    /// - Returns: the rows that it says something of.
    @discardableResult
    package mutating func add(_ fact: any MessagePayload, of message: InboundMessage) -> [ReplicaKey] {
        var keys: [ReplicaKey] = []
        for (index, part) in replica.parts.enumerated() {
            guard var said = part.said(fact) else { continue }
            precondition(
                said.key.count == replica.key.count, "replica \(replica.name): a key of \(said.key.count) values")
            said.message = message.identity
            let key = ReplicaKey(tenant: message.tenant, said.key)
            var entry = entries[key] ?? Entry(parts: Array(repeating: nil, count: replica.parts.count))
            if said.key.count != 1 || !said.key[0].utf8.elementsEqual(fact.key.utf8) { entry.isKeyedAlike = false }
            if let known = entry.parts[index] {
                let counts = replica.rule == .latest ? said.isLater(than: known) : said.values == nil
                if counts { entry.parts[index] = said }
            } else {
                entry.parts[index] = said
            }
            entries[key] = entry
            keys.append(key)
        }
        return keys
    }

    // MARK: The table

    public func write(on connection: Connection) throws {
        guard !isEmpty else { return }
        _ = try connection.execute(replica.statements.save, parameters(sorted))
    }

    /// The same with other statements, in one round trip.
    package func write(in pipeline: inout Pipeline) {
        guard !isEmpty else { return }
        pipeline.query(replica.statements.save, parameters(sorted))
    }

    /// Rows that the table hasn't got as they should be after what was added and all else that was said of them, and
    /// what is wrong, in words without what they say. One that has heard of later facts is right.
    package func differences(on connection: Connection) throws -> [(key: ReplicaKey, text: String)] {
        guard !isEmpty else { return [] }
        let entries = sorted
        // Which of several comes first depends on their order, which one record key keeps.
        let isJudged = entries.map { replica.rule == .latest || $0.value.isKeyedAlike }
        var arguments = parameters(entries)
        arguments.append(.boolArray(isJudged))
        for (index, part) in replica.parts.enumerated() {
            for (place, column) in part.columns.enumerated() where !column.isAlwaysJudged {
                arguments.append(
                    .boolArray(
                        entries.map { entry in
                            guard let said = entry.value.parts[index] else { return true }
                            return said.unjudged & (1 << UInt64(place)) == 0
                        }))
            }
        }
        return try connection.query(replica.statements.differences, arguments).compactMap { row in
            let place = Int(try row.get(0, as: Int64.self)) - 1
            guard entries.indices.contains(place) else { return nil }
            return (entries[place].key, try row.get(1, as: String.self))
        }
    }

    /// In one order for everybody: two transactions that want the same rows must not wait for each other in a circle.
    private var sorted: [(key: ReplicaKey, value: Entry)] { entries.sorted { $0.key < $1.key } }

    private func parameters(_ entries: [(key: ReplicaKey, value: Entry)]) -> [Parameter] {
        var parameters: [Parameter] = [.textArray(entries.map(\.key.tenant))]
        for index in replica.key.indices { parameters.append(.textArray(entries.map { $0.key.values[index] })) }
        for (index, part) in replica.parts.enumerated() {
            let said = entries.map { $0.value.parts[index] }
            for (place, column) in part.columns.enumerated() {
                parameters.append(column.type.array(said.map { $0?.values?[place] ?? .null }))
            }
            if replica.rule == .latest {
                parameters.append(.timestampArrayOptional(said.map { $0?.at }))
                parameters.append(.textArrayOptional(said.map { $0?.message }))
            }
        }
        return parameters
    }
}

/// Keeps one replica, and does nothing else.
struct ReplicaHandler: BatchHandler {
    let replica: Replica

    var types: Set<String> { replica.facts.types }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var fold = ReplicaFold(replica)
        for message in messages { try fold.add(message) }
        try fold.write(on: connection)
    }
}
