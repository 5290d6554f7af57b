import Postgres

/// Which messages a row has heard: kept in the row, so that a copy of one is known by reading what is read anyway, and
/// nearly no message needs a row in the inbox.
///
/// Only ids that are UUIDs are kept, and only a few; rows from before there was a list have none. Whatever isn't kept here
/// goes into the inbox.
public struct HeardMessages: Hashable, Sendable {
    /// Messages that one row remembers.
    static let limit = 8

    /// Nil for a row that was there before it could remember.
    private var ids: [Substring]?

    /// Of a row that is new.
    public init() { ids = [] }

    /// As it is stored; nil where there is none.
    public init(stored text: String?) { ids = text.map { $0.split(separator: " ") } }

    public var text: String? { ids?.joined(separator: " ") }

    func contains(_ identity: String) -> Bool { ids?.contains { $0 == identity } ?? false }

    /// False where it can't be kept.
    mutating func add(_ identity: String) -> Bool {
        guard let count = ids?.count, count < Self.limit, EventIdentity.isUUID(identity) else { return false }
        ids?.append(Substring(identity))
        return true
    }
}

/// One pass over a batch whose rows remember what they have heard (`HeardMessages`).
///
/// Each message is heard once: it is in the list of the row that it is about, or, where there is no row or no room in its
/// list, in the inbox. So a copy, whenever it comes, changes nothing and isn't answered.
public struct Hearing {
    private let repeated: Set<String>
    private let recorded: Set<String>
    private var seen: Set<String> = []
    fileprivate private(set) var unrecorded: [InboundMessage] = []

    fileprivate init(repeated: Set<String>, recorded: Set<String>) {
        self.repeated = repeated
        self.recorded = recorded
    }

    /// Whether the message is to be handled.
    ///
    /// - Parameter heard: of the row that it is about.
    public mutating func isNew(_ message: InboundMessage, to heard: HeardMessages?) -> Bool {
        guard !repeated.contains(message.identity), heard?.contains(message.identity) != true else { return false }
        return seen.insert(message.identity).inserted
    }

    /// Notes that a new message was handled.
    ///
    /// - Parameter heard: of the row, which is to be written where this changes it; nil where there is none, and none is made.
    public mutating func note(_ message: InboundMessage, in heard: inout HeardMessages?) {
        if recorded.contains(message.identity) || heard?.add(message.identity) == true { return }
        unrecorded.append(message)
    }

    /// Runs `body`, which decides on a batch without writing anything, until all messages that it notes are recorded: once,
    /// nearly always. What needs a row in the inbox gets it, and those that had one are passed over the next time.
    public static func decide<Outcome>(
        group: String, on connection: Connection, _ body: (inout Hearing) throws -> Outcome
    ) throws -> Outcome {
        var repeated: Set<String> = []
        var recorded: Set<String> = []
        while true {
            var hearing = Hearing(repeated: repeated, recorded: recorded)
            let outcome = try body(&hearing)
            let unrecorded = hearing.unrecorded
            if unrecorded.isEmpty { return outcome }
            let firsts = Set(
                try Inbox.firsts(of: unrecorded, group: group, on: connection).map(\.identity))
            for message in unrecorded {
                recorded.insert(message.identity)
                if !firsts.contains(message.identity) { repeated.insert(message.identity) }
            }
        }
    }
}
