import Execution
import Glibc
import Logging
import OrderflowKit

/// Keeps one role running: starts it, and starts it again, with back-off, whenever it ends uncalled.
final class RoleKeeper: Sendable {
    struct Policy: Sendable {
        var backoffBase: Duration = .milliseconds(200)
        var backoffCap: Duration = .seconds(30)
        /// A run of at least this length ends a series of failures.
        var stableAfter: Duration = .seconds(30)
    }

    /// How the keeping ended.
    enum Outcome: Sendable, Hashable {
        /// Stopped on request.
        case drained
        /// Stopped on request, but with an error or after SIGKILL.
        case drainedBadly(String)
        /// Starting again can't help.
        case hopeless(String)
    }

    private struct State {
        var child: ChildProcess?
        var starts = 0
        /// The last signal asked for; a child that starts too late gets it as well.
        var pending: Int32?
    }

    let name: String
    private let command: ChildProcess.Command
    private let policy: Policy
    private let logger: Logger
    private let stop = StopSignal()
    private let state = Monitor(State())

    init(name: String, command: ChildProcess.Command, policy: Policy = Policy(), logger: Logger) {
        self.name = name
        self.command = command
        self.policy = policy
        var logger = logger
        logger[metadataKey: "role"] = "\(name)"
        self.logger = logger
    }

    /// The child's pid, while there is a child.
    var pid: pid_t? { state.withLock { $0.child?.pid } }

    /// How often the role has been started.
    var starts: Int { state.withLock { $0.starts } }

    /// Blocks until the first start was tried, for at most `timeout`.
    func waitForStart(timeout: Duration) {
        _ = state.wait(for: timeout) { $0.starts > 0 ? true : nil }
    }

    /// Ends the keeping: `SIGTERM` lets the role finish what it has in hand, `SIGKILL` doesn't.
    func end(_ signal: Int32) {
        stop.stop()
        state.withLock { state in
            if state.pending != SIGKILL { state.pending = signal }
            state.child?.send(signal)
        }
    }

    /// Blocks until `end`, or until it is clear that the role can't run.
    func run(lifeline: Lifeline) -> Outcome {
        var backoff = Backoff(base: policy.backoffBase, cap: policy.backoffCap)
        while !stop.isStopped {
            let started = ContinuousClock.now
            let reason: String
            do {
                let exit = try runOnce(lifeline)
                if stop.isStopped { return Self.outcome(ofDrain: exit) }
                if exit == .code(ExitStatus.configuration) || exit == .code(ExitStatus.usage) {
                    return .hopeless("\(exit): its configuration is wrong")
                }
                reason = "\(exit)"
            } catch {
                state.update { $0.starts += 1 }
                if error.code == ENOENT || error.code == EACCES { return .hopeless("\(error)") }
                reason = "\(error)"
            }
            let lived = started.duration(to: .now)
            if lived >= policy.stableAfter { backoff.reset() }
            let delay = backoff.next()
            logger.error(
                "role_ended",
                metadata: ["reason": "\(reason)", "lived": "\(lived)", "restart_in": "\(DurationText.write(delay))"])
            if stop.wait(for: delay) { break }
        }
        return .drained
    }

    private func runOnce(_ lifeline: Lifeline) throws(ChildProcess.SpawnFailed) -> ChildProcess.Exit {
        let child = try ChildProcess(command, lifeline: lifeline.childEnd)
        state.update { state in
            state.child = child
            state.starts += 1
            // `end` came while the process was being started.
            if let signal = state.pending { child.send(signal) }
        }
        logger.debug("role_started", metadata: ["pid": "\(child.pid)"])
        let exit = child.wait()
        state.update { $0.child = nil }
        return exit
    }

    /// A child that SIGTERM reaches before it watches for signals simply dies of it, with nothing in hand.
    private static func outcome(ofDrain exit: ChildProcess.Exit) -> Outcome {
        exit == .code(0) || exit == .signal(SIGTERM) ? .drained : .drainedBadly("\(exit)")
    }
}
