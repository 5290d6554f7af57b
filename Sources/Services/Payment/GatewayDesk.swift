import Execution
import OrderflowKit

/// Where payments wait between the three who deal with them in a process: consumers commit charges that the gateway is
/// to be asked for, the gateway's answers come in, and the worker takes both.
///
/// A consumer that finds free places writes its charges as claimed by this process already, and hands them over once
/// they are committed: nobody has to look for them. Places are those of calls at once and of the line behind them, which is as
/// long as calls are short (`CallTimes`). If the process dies in between, they are due again when their lease
/// is over. What has no place stays due, and is counted, for the worker to claim: it takes as many places for that as
/// it will need, since what is committed while it holds them has none.
final class GatewayDesk: Sendable {
    /// A payment that is claimed by this process until `leaseEnd`.
    struct Claimed: Sendable {
        let key: OrderKey
        let entry: PaymentStore.Entry
        let leaseEnd: ContinuousClock.Instant
    }

    /// What the worker has to do next.
    struct Work {
        var handed: [Claimed] = []
        var ended: [(GatewayCalls.Job, GatewayCalls.Result)] = []
        /// When the first of them did.
        var endedAt: ContinuousClock.Instant?
        /// There may be more that is due in the table.
        var mayBeDue = false
        /// How much more, at most; nil where that isn't known.
        var due: Int? = 0
    }

    private struct State {
        /// Calls under way or in line, and places that are reserved for some.
        var taken = 0
        /// Calls at once.
        var limit = 0
        var times = CallTimes()
        var lease: Duration = .zero
        /// Whether consumers may claim for this process.
        var takes = false
        var work = Work()
        var isWoken = false
        /// Charges of express orders are expected.
        var alert = UrgencyAlert()
        /// Such a one had no place, and waits in the table.
        var expressWaits = false

        /// Of calls at once and in line.
        var places: Int { limit + times.line(behind: limit) }
        /// A line that has got shorter may have more in it than it has places.
        var freePlaces: Int { max(0, places - taken) }

        /// Places that are free for ordinary orders. While express ones are expected, some are kept for those.
        var openPlaces: Int {
            guard !expressWaits, alert.isOn(at: .now) else { return freePlaces }
            return max(0, freePlaces - CallLine.keptForExpress(of: limit))
        }

        /// So many that a look for what is due is worth it before its time: a backlog keeps the gateway busy.
        var hasRoom: Bool { 2 * freePlaces >= places }

        /// Places besides those of what waits in the table, which has come before.
        var unclaimedPlaces: Int {
            guard work.mayBeDue else { return openPlaces }
            return work.due.map { max(0, openPlaces - $0) } ?? 0
        }

        mutating func takeWork(settles: Bool, claims: Bool) -> Work {
            isWoken = false
            var taken = Work()
            swap(&taken.handed, &work.handed)
            if settles {
                swap(&taken.ended, &work.ended)
                swap(&taken.endedAt, &work.endedAt)
            }
            if claims {
                (taken.mayBeDue, taken.due) = (true, work.due)
                (work.mayBeDue, work.due) = (false, 0)
            }
            return taken
        }
    }

    private let state = Monitor(State())

    init() {}

    // MARK: Consumers

    /// Reserves up to `count` places for charges that are about to be committed, and says how long they are to be claimed.
    ///
    /// - Parameter areExpress: whether all of them are of express orders.
    func reserve(_ count: Int, areExpress: Bool = false) -> (places: Int, lease: Duration) {
        state.withLock { state in
            if areExpress, count > 0 { state.alert.raise(at: .now) }
            // Express ones would come first in the table, too.
            let free = areExpress ? state.freePlaces : state.unclaimedPlaces
            let places = state.takes ? min(count, free) : 0
            state.taken += places
            return (places, state.lease)
        }
    }

    /// Hands over what was committed.
    ///
    /// - Parameters:
    ///   - due: how much was committed that had no place.
    ///   - areExpress: whether all of it is of express orders.
    func hand(_ claimed: [Claimed], due: Int, areExpress: Bool = false) {
        guard !claimed.isEmpty || due > 0 else { return }
        state.update { state in
            state.work.handed += claimed
            guard due > 0 else { return }
            if areExpress { state.expressWaits = true }
            state.work.mayBeDue = true
            state.work.due = state.work.due.map { $0 + due }
        }
    }

    // MARK: Calls

    /// Gives places back for which there is no call any more, or never was.
    func free(_ places: Int) {
        guard places > 0 else { return }
        state.withLock { $0.taken -= places }
    }

    /// A call has ended, or isn't to be made; its place is free. Wakes the worker for the first of several, which it then
    /// waits for a little.
    ///
    /// - Parameter duration: of the call, if it was made.
    func ended(_ job: GatewayCalls.Job, _ result: GatewayCalls.Result, in duration: Duration? = nil) {
        let wakes = state.withLock { state in
            state.taken -= 1
            if let duration { state.times.note(duration) }
            if state.work.ended.isEmpty { state.work.endedAt = .now }
            state.work.ended.append((job, result))
            return job.isExpress || state.work.ended.count == 1 || state.work.ended.count == Self.most
                || state.work.mayBeDue && state.hasRoom
        }
        if wakes { state.update { _ in } }
    }

    /// Answers that are written without waiting for others.
    private static let most = 512

    // MARK: The worker

    /// Whether no call is under way, nor in line, nor has a place reserved.
    var isIdle: Bool { state.withLock { $0.taken == 0 } }

    /// - Parameter calls: at once.
    func open(calls: Int, lease: Duration) {
        state.withLock { state in
            state.limit = calls
            state.lease = lease
        }
    }

    /// Whether consumers may claim for this process: not while nobody works, or the gateway is away.
    func take(_ takes: Bool) { state.withLock { $0.takes = takes } }

    /// Takes up to `limit` free places for calls.
    func occupy(_ limit: Int) -> Int {
        state.withLock { state in
            let places = max(0, min(limit, state.openPlaces))
            state.taken += places
            // Due first of all, they are among the next that are claimed.
            if places > 0 { state.expressWaits = false }
            return places
        }
    }

    /// The table may have more that is due, nobody knows how much.
    func noteMore() {
        state.update { state in
            state.work.mayBeDue = true
            state.work.due = nil
        }
    }

    /// Ends a wait in `next`.
    func wake() { state.update { $0.isWoken = true } }

    /// What there is to do, as soon as there is something; nothing when woken or at `end`. What was handed over doesn't
    /// wait. Answers wait until `settling`, so that those of a while are written together, and the first of them for
    /// `gathering`; that of an express order waits for none. Word of due payments waits for a place, and until `claiming` or
    /// until half of the places are free.
    func next(
        settling: ContinuousClock.Instant, gathering: Duration = .zero, claiming: ContinuousClock.Instant,
        end: ContinuousClock.Instant
    ) -> Work {
        state.wait { state, now in
            let hasAnswers = !state.work.ended.isEmpty
            let wantsClaim = state.work.mayBeDue && state.openPlaces > 0
            let settling = state.work.endedAt.map { max(settling, $0 + gathering) } ?? settling
            let settles =
                hasAnswers
                && (now >= settling || state.work.ended.count >= Self.most
                    || state.work.ended.contains { $0.0.isExpress })
            let claims = wantsClaim && (now >= claiming || state.hasRoom)
            if settles || claims || state.isWoken || !state.work.handed.isEmpty || now >= end {
                return .taken(state.takeWork(settles: settles, claims: claims))
            }
            return .again(at: min(end, hasAnswers ? settling : end, wantsClaim ? claiming : end))
        }
    }
}
