import Postgres

/// A group's handler as the fold of a rebuild, for read models that nothing but their handler knows how to keep.
///
/// What the handler would publish is dropped: it was published when it happened. The handler has to be idempotent by its
/// own keys, for a topic may have copies; what it refuses is left out, as live it would be a dead letter.
public struct HandlerFold: HistoryFold {
    private let handler: any BatchHandler
    private var messages: [InboundMessage] = []

    public init(_ handler: any BatchHandler) { self.handler = handler }

    public mutating func add(_ message: InboundMessage) { messages.append(message) }

    public func write(on connection: Connection) throws {
        guard try !attempt(messages, on: connection) else { return }
        // One of them is refused: the others are written one by one, in their order.
        for message in messages { _ = try attempt([message], on: connection) }
    }

    /// False, and nothing written, where the handler refuses.
    private func attempt(_ messages: [InboundMessage], on connection: Connection) throws -> Bool {
        guard !messages.isEmpty else { return true }
        do {
            try connection.savepoint { connection in
                var unpublished: [OutgoingEvent] = []
                try handler.handle(messages, on: connection, outbox: &unpublished)
            }
            return true
        } catch is MessageRejected {
            return false
        }
    }
}
