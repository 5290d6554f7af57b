import Execution
import Glibc
import Logging
import OrderflowKit

/// Runs a set of roles as child processes until it is stopped; one that can't run stops all.
///
/// Children die with the supervisor: on request by SIGTERM, then SIGKILL after the deadline; and where it is killed
/// itself, by the end of file on their `Lifeline`.
final class Supervisor: Sendable {
    private let keepers: [RoleKeeper]
    private let deadline: Duration
    private let logger: Logger
    private let running: Monitor<Int>

    /// - Parameter deadline: for all children together to end by themselves once asked.
    init(_ keepers: [RoleKeeper], deadline: Duration, logger: Logger) {
        self.keepers = keepers
        self.deadline = deadline
        self.logger = logger
        running = Monitor(keepers.count)
    }

    /// Kills whatever runs, at once. From any thread.
    func killAll() {
        for keeper in keepers { keeper.end(SIGKILL) }
    }

    /// Blocks until `stop` and the end of every child.
    ///
    /// - Parameter onStart: called once every role was started for the first time.
    /// - Returns: true when every child ended by itself, without an error, because it was asked to.
    func run(until stop: StopSignal, onStart: () -> Void = {}) throws(Lifeline.Unavailable) -> Bool {
        let lifeline = try Lifeline()
        let outcomes = Monitor<[String: RoleKeeper.Outcome]>([:])
        for keeper in keepers {
            DedicatedThread.start("keep-\(keeper.name)") { [running, logger] in
                let outcome = keeper.run(lifeline: lifeline)
                outcomes.withLock { $0[keeper.name] = outcome }
                if case .hopeless(let reason) = outcome {
                    logger.critical("role_cannot_run", metadata: ["role": "\(keeper.name)", "reason": "\(reason)"])
                    stop.stop()
                }
                running.update { $0 -= 1 }
            }
        }
        for keeper in keepers { keeper.waitForStart(timeout: .seconds(5)) }
        if !stop.isStopped { onStart() }
        stop.wait(for: nil)
        drain()
        return outcomes.withLock { outcomes in
            for (name, outcome) in outcomes {
                if case .drainedBadly(let how) = outcome {
                    logger.warning("role_ended_badly", metadata: ["role": "\(name)", "how": "\(how)"])
                }
            }
            return outcomes.values.allSatisfy { $0 == .drained }
        }
    }

    private func drain() {
        logger.info("stopping", metadata: ["deadline": "\(DurationText.write(deadline))"])
        for keeper in keepers { keeper.end(SIGTERM) }
        if running.wait(for: deadline, { $0 == 0 ? true : nil }) == nil {
            let late = keepers.filter { $0.pid != nil }.map(\.name).joined(separator: ", ")
            logger.error("killing", metadata: ["roles": "\(late)", "after": "\(DurationText.write(deadline))"])
            killAll()
        }
        // SIGKILL can't be refused; only a process stuck in the kernel is left behind, and it has its lifeline.
        _ = running.wait(for: .seconds(10)) { $0 == 0 ? true : nil }
    }
}
