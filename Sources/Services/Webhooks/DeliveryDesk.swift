import Execution
import Outbound

/// Where the worker of a process hears of what was queued, and of how sends have ended.
final class DeliveryDesk: Sendable {
    /// A send that has ended.
    struct Ended: Sendable {
        let endpoint: Int64
        let fact: Int64
        let result: Result<DeliveryAnswer, DeliveryFailure>
    }

    /// What there is to do.
    struct Work {
        var ended: [Ended] = []
        /// Endpoints that have something new.
        var woken: Set<Int64> = []
        /// Something may be due that nobody told of.
        var looks = false
    }

    private struct State {
        var work = Work(looks: true)
        var isStopped = false

        var isIdle: Bool { work.ended.isEmpty && work.woken.isEmpty && !work.looks }
    }

    /// Endpoints that are remembered by their numbers; with more the table is looked through.
    private static let memory = 1_000

    private let state = Monitor(State())
    /// Raised where a replay was asked for.
    let replays = WakeSignal()

    func wake(for endpoints: some Sequence<Int64>) {
        state.update { state in
            state.work.woken.formUnion(endpoints)
            if state.work.woken.count > Self.memory {
                state.work.woken = []
                state.work.looks = true
            }
        }
    }

    func look() { state.update { $0.work.looks = true } }

    func hand(_ ended: Ended) { state.update { $0.work.ended.append(ended) } }

    /// The process stops: nobody waits any more.
    func stop() { state.update { $0.isStopped = true } }

    /// What there is to do, as soon as there is something; after `timeout` a look at the table.
    func next(within timeout: Duration) -> Work {
        let work = state.wait(for: timeout) { state -> Work? in
            guard !state.isIdle || state.isStopped else { return nil }
            defer { state.work = Work() }
            return state.work
        }
        return work ?? Work(looks: true)
    }

    /// Lets more come for `pause`, or until `count` sends have ended.
    func gather(_ count: Int, for pause: Duration) {
        _ = state.wait(for: pause) { $0.isStopped || $0.work.ended.count >= count ? true : nil }
    }

    /// Sends that have ended, as soon as there are any, where nothing more is begun.
    func ended(within timeout: Duration) -> Work {
        state.wait(for: timeout) { state -> Work? in
            guard !state.work.ended.isEmpty else { return nil }
            defer { state.work = Work() }
            return state.work
        } ?? Work()
    }
}
