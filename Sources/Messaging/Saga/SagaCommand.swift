/// A command that a saga sends.
public struct SagaCommand: Hashable, Sendable {
    public let topic: String
    /// Commands to one participant about one thing share it, so that an undo never overtakes what it undoes.
    public let key: String
    public let type: String
    public let payload: [UInt8]
    /// When it isn't to be done any more, microseconds since the Unix epoch; nil for what has to be done in the end.
    public var expiresAt: Int64?

    public init(topic: String, key: String, type: String, payload: [UInt8], expiresAt: Int64? = nil) {
        self.topic = topic
        self.key = key
        self.type = type
        self.payload = payload
        self.expiresAt = expiresAt
    }
}

/// What a command is made from.
public struct SagaContext: Sendable {
    /// The instance, unique within its tenant and definition.
    public let id: String
    /// Payload of the fact that started it.
    public let start: [UInt8]
    /// Why it is being undone; nil while it isn't.
    public let reason: String?

    public init(id: String, start: [UInt8], reason: String?) {
        self.id = id
        self.start = start
        self.reason = reason
    }
}

/// Makes one command of a definition. Where it goes and what type it has are known before there is an instance: they are
/// part of the course that instances take (`SagaCourse`).
public struct SagaCommandBuilder: Sendable {
    public let topic: String
    public let type: String
    private let payload: @Sendable (SagaContext) throws -> [UInt8]

    /// - Parameter payload: throws for a start payload that the command can't be made from.
    public init(topic: String, type: String, payload: @escaping @Sendable (SagaContext) throws -> [UInt8]) {
        self.topic = topic
        self.type = type
        self.payload = payload
    }

    /// The command for one instance, keyed by its id.
    func callAsFunction(_ context: SagaContext) throws -> SagaCommand {
        SagaCommand(topic: topic, key: context.id, type: type, payload: try payload(context))
    }
}
