import Execution
import Postgres

/// When a command comes too late to be done, and what is said then: decided here, for every group.
///
/// A command has to be handled by its `expiresAt`. One that comes later is not done, and is answered in place of it, so
/// that who waits for it needn't wait for a deadline of its own too. Each command is either done or refused, by whichever
/// process gets it and whatever its clock says: an inbox remembers both alike, and where there is none, commands that may
/// expire have one. A handler that `judgesExpiry` has rows that remember it.
public struct MessageExpiry: Sendable {
    /// Makes what a group says in place of doing a message.
    public typealias Answer = () throws -> OutgoingEvent
    /// Whether a message may expire, and how it is answered then; nil for one that doesn't, such as a fact: what has
    /// happened stays true. The answer of one that isn't late is never made.
    public typealias Judgement = @Sendable (InboundMessage) throws -> Answer?

    /// The clocks of senders and receivers may differ by so much.
    private let skew: Duration
    private let judgement: Judgement

    /// Of groups in which nothing expires.
    public static let never = MessageExpiry(skew: .zero) { _ in nil }

    public init(skew: Duration, judgement: @escaping Judgement) {
        self.skew = skew
        self.judgement = judgement
    }

    /// Hands `messages`, none of which was handled before, to a group's handler, without those that came too late.
    ///
    /// - Parameters:
    ///   - inbox: the group, where it keeps none of its own and commands that may expire have to be claimed here.
    ///   - now: microseconds since the Unix epoch.
    package func handle(
        _ messages: [InboundMessage], by handler: any BatchHandler, claimingFor inbox: String?,
        on connection: Connection,
        at now: Int64 = WallClock.nowMicroseconds(), outbox: inout [OutgoingEvent]
    ) throws {
        guard messages.contains(where: { $0.expiresAt != nil }) else {
            return try handler.handle(messages, on: connection, outbox: &outbox)
        }
        var left: [InboundMessage] = []
        left.reserveCapacity(messages.count)
        let known = try handler.judgesExpiry ? [] : repeated(messages, inbox, on: connection)
        for var message in messages where !known.contains(message.identity) {
            if isLate(message, at: now), let answer = try judgement(message)?() {
                guard handler.judgesExpiry else {
                    outbox.append(answer)
                    continue
                }
                message.refusal = CommandRefusal(answer)
            }
            left.append(message)
        }
        if !left.isEmpty { try handler.handle(left, on: connection, outbox: &outbox) }
    }

    private func isLate(_ message: InboundMessage, at now: Int64) -> Bool {
        // Both are times of the years 1 to 9999.
        message.expiresAt.map { now - $0 > skew.microseconds } ?? false
    }

    /// Those of the commands that may expire that were done or refused before.
    private func repeated(
        _ messages: [InboundMessage], _ inbox: String?, on connection: Connection
    ) throws -> Set<String> {
        guard let inbox else { return [] }
        let expiring = try messages.filter { try $0.expiresAt != nil && judgement($0) != nil }
        let first = Set(try Inbox.firsts(of: expiring, group: inbox, on: connection).map(\.identity))
        return Set(expiring.map(\.identity)).subtracting(first)
    }
}

/// A command came too late.
public final class CommandRefusal: Sendable {
    /// What is said in place of doing it.
    public let answer: OutgoingEvent

    package init(_ answer: OutgoingEvent) { self.answer = answer }
}
