import Kafka

/// Under which name a member joins its group, when another process claims the same one.
///
/// A coordinator gives a name to the last member that asks, and fences the one before (KIP-345). Taking it back fences
/// the other, and so on for ever. So who is fenced goes on under a second name, made of the first, by which the other
/// sees in the group what has happened. A name that nobody has any more is taken back, later each time: it may have
/// been the member itself, whose answer got lost in an outage.
struct InstanceClaim {
    /// The name that was given, nil for members without one.
    let own: String?
    /// The dev broker keeps a fenced member that has gone, and has the group wait for it for good.
    private let isDevBroker: Bool
    private(set) var current: String?
    private var fencings = 0
    private var returnsAfter: ContinuousClock.Instant = .now
    /// Since when the own name has been seen to be free.
    private var freeSince: ContinuousClock.Instant?
    /// On the dev broker: since when the group has been seen to wait, with a member under the own name.
    private var waitsSince: ContinuousClock.Instant?

    /// After being fenced, and the longest of these times, which double.
    static let patience: (first: Duration, longest: Duration) = (.seconds(60), .seconds(3_600))
    /// Longer than a dead member stays in its group (`session.timeout.ms`).
    private static let vacancy: Duration = .seconds(15)
    private static let second = ".second-"
    /// Names are topics' names to Kafka.
    private static let longestName = 249

    init(_ own: String?, isDevBroker: Bool = false) {
        self.own = own
        self.isDevBroker = isDevBroker
        current = own
    }

    var isDisplaced: Bool { current != own }

    /// Another member has the name now. False where there was no name to lose.
    mutating func fenced(at now: ContinuousClock.Instant = .now) -> Bool {
        guard let own else { return false }
        let mark = String(UInt32.random(in: 0 ... .max), radix: 16)
        current = own.prefix(Self.longestName - Self.second.count - 8) + Self.second + mark
        returnsAfter = now + min(Self.patience.first * (1 << min(fencings, 10)), Self.patience.longest)
        fencings += 1
        (freeSince, waitsSince) = (nil, nil)
        return true
    }

    /// Whether to join anew under the own name, by a look at the group. Call it with every one.
    mutating func takesBack(seeing group: GroupDescription, at now: ContinuousClock.Instant = .now) -> Bool {
        guard isDisplaced, let own else { return false }
        let isTaken = group.members.contains { $0.instanceID == own }
        let isGhost = isTaken && isDevBroker && group.isMoving
        freeSince = isTaken ? nil : freeSince ?? now
        waitsSince = isGhost ? waitsSince ?? now : nil
        guard now >= returnsAfter, let since = freeSince ?? waitsSince, since.duration(to: now) >= Self.vacancy else {
            return false
        }
        current = own
        (freeSince, waitsSince) = (nil, nil)
        return true
    }

    /// What an operator has to know; nil while the name is this member's alone.
    func clash(in group: GroupDescription?) -> String? {
        guard let own else { return nil }
        if let current, isDisplaced {
            return "kafka.instance: another process is \(own) too, and got the name; this one goes on as \(current). "
                + "Give each process a name of its own"
        }
        let prefix = own.prefix(Self.longestName - Self.second.count - 8) + Self.second
        guard let other = group?.members.first(where: { $0.instanceID?.hasPrefix(prefix) ?? false }) else { return nil }
        return "kafka.instance: another process, at \(other.host.drop { $0 == "/" }), is \(own) too, and goes on as "
            + "\(other.instanceID ?? ""). Give each process a name of its own"
    }
}
