import Execution
import OrderflowKit

/// Where mails wait between the consumers that commit them and the mailers of the same process.
///
/// A consumer that finds free places writes its mails as claimed by this process already, and hands them over once they
/// are committed: nobody has to look for them. If the process dies in between, they are due again when their lease is
/// over. What has no place stays due, for a mailer to claim.
final class MailDesk: Sendable {
    /// A mail that is claimed by this process.
    struct Claimed: Sendable {
        let mail: MailStore.Mail
        /// No send is begun after this: it must have ended, and be noted, when the lease ends.
        let sendBy: ContinuousClock.Instant
    }

    /// What a mailer has to do next.
    struct Work {
        var mails: [Claimed] = []
        /// There may be more that is due in the table.
        var mayBeDue = false
    }

    private struct State {
        var takes = false
        var handed: [Claimed] = []
        var places = MailDesk.places
        var mayBeDue = false
        var looked = ContinuousClock.now - .seconds(3600)
        var isWoken = false

        /// Nil where there is nothing to do yet. Before its time a mailer hears of a stop and of a full batch alone.
        mutating func work(_ limit: Int, _ poll: Duration, isEarly: Bool, at now: ContinuousClock.Instant) -> Work? {
            let looks = !isEarly && (mayBeDue || now >= looked + poll)
            guard isWoken || looks || handed.count >= limit || (!isEarly && !handed.isEmpty) else { return nil }
            let taken = min(limit, handed.count)
            defer {
                handed.removeFirst(taken)
                places += taken
            }
            if looks {
                looked = now
                mayBeDue = false
            }
            return Work(mails: Array(handed.prefix(taken)), mayBeDue: looks)
        }
    }

    /// Mails in memory at most, besides those that mailers have taken.
    private static let places = 400

    /// How long handed mails are nobody else's. No send is begun after a third of it: the last one, which may take its
    /// transport's whole time limit (30 s), and its settlement must end within it.
    let lease: Duration
    private let state = Monitor(State())

    init(lease: Duration = .seconds(60)) { self.lease = lease }

    // MARK: Consumers

    /// Reserves up to `count` places for mails that are about to be committed.
    ///
    /// - Parameter areExpress: whether all of them are of express orders.
    func reserve(_ count: Int, areExpress: Bool = false) -> Int {
        state.withLock { state in
            // Who waits in the table has come before, but for express ones, which would come first there too.
            let places = state.takes && (areExpress || !state.mayBeDue) ? min(count, state.places) : 0
            state.places -= places
            return places
        }
    }

    func free(_ places: Int) { state.withLock { $0.places += places } }

    /// Hands over what was committed.
    ///
    /// - Parameter unused: places that were reserved and aren't needed.
    /// - Parameter mayBeDue: whether more was committed than had a place.
    func hand(_ claimed: [Claimed], unused: Int, mayBeDue: Bool) {
        free(unused)
        guard !claimed.isEmpty || mayBeDue else { return }
        state.update { state in
            if claimed.allSatisfy({ $0.mail.priority == .express }) {
                state.handed.insert(contentsOf: claimed, at: 0)
            } else {
                state.handed += claimed
            }
            if mayBeDue { state.mayBeDue = true }
        }
    }

    // MARK: Mailers

    /// Whether consumers may claim for this process: not while nobody sends, or the mail server is away.
    func take(_ takes: Bool) { state.withLock { $0.takes = takes } }

    /// The process stops: nobody waits any more.
    func wake() { state.update { $0.isWoken = true } }

    /// There may be more in the table than was claimed now.
    func noteMore() { state.update { $0.mayBeDue = true } }

    /// What there is to do, as soon as there is something and `start` is past; a look at the table every `poll`, by one of
    /// the mailers; nothing when woken.
    func next(_ limit: Int, from start: ContinuousClock.Instant, poll: Duration) -> Work {
        state.wait { state, now in
            let isEarly = now < start
            if let work = state.work(limit, poll, isEarly: isEarly, at: now) { return .taken(work) }
            return .again(at: isEarly ? start : state.looked + poll)
        }
    }
}
