import Postgres

/// What a consumer group does with messages. State and effects live in PostgreSQL; whatever the outside world must
/// hear goes to `outbox`.
public protocol BatchHandler: Sendable {
    /// The types that the group reacts to; records of other types are skipped and counted.
    var types: Set<String> { get }

    /// Records with this `ce_source` are skipped too: a service need not hear what it said itself.
    var ignoredSource: String? { get }

    /// Types of which it hears what it said itself all the same.
    var heardOfItself: Set<String> { get }

    /// Whether the handler looks at `InboundMessage.refusal` itself, since its own rows say whether a command that comes
    /// too late was done before. Else such a command never reaches it.
    var judgesExpiry: Bool { get }

    /// Says, of what is committed, whether nobody wants anything of the group; nil for a group that is always wanted. It is
    /// asked once records have come, before they are read. Where it is so they are passed over, whatever they are: none is
    /// handled, and none becomes a dead letter. So whoever begins to want something gets all that is published after that
    /// is committed.
    var isIdle: (@Sendable (Connection) throws -> Bool)? { get }

    /// Applies `messages` inside the open transaction of `connection`. They are in partition order, and none has been
    /// applied by this group before. All or nothing: when it throws, the transaction is rolled back and comes again.
    ///
    /// It runs on several threads at once, as it does in several processes: express messages and released letters have their
    /// own, with other keys. Rows that messages of different keys share are to be locked in one order.
    ///
    /// Throw `MessageRejected` for a message that can never be handled. Errors of PostgreSQL that pass by themselves
    /// are retried for ever; any other error is retried a few times, then the message that causes it becomes a
    /// dead letter.
    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws
}

extension BatchHandler {
    public var ignoredSource: String? { nil }
    public var heardOfItself: Set<String> { [] }
    public var judgesExpiry: Bool { false }
    public var isIdle: (@Sendable (Connection) throws -> Bool)? { nil }
}
