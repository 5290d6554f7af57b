import Execution
import Foundation
import Logging
import TestServers
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// With real child processes: shell scripts that stand in for roles.
@Suite(.blocking) struct SupervisorTests {
    private let directory: String
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("supervisor-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    private func content(_ name: String) -> String {
        (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? ""
    }

    private func lines(_ name: String) -> Int { content(name).split(separator: "\n").count }

    private func keeper(_ name: String, _ script: String, policy: RoleKeeper.Policy = .quick) -> RoleKeeper {
        RoleKeeper(
            name: name,
            command: ChildProcess.Command(
                executable: "/bin/sh", arguments: ["-c", "cd '\(directory)'\n\(script)"],
                environment: ["PATH": "/usr/bin:/bin"]),
            policy: policy, logger: logger)
    }

    /// A supervisor at work on a thread of its own. A test that fails before its end leaves no children behind.
    private final class Running {
        let supervisor: Supervisor
        let stop = StopSignal()
        let result = Monitor<Bool?>(nil)

        init(_ keepers: [RoleKeeper], deadline: Duration = .seconds(30), logger: Logger) {
            supervisor = Supervisor(keepers, deadline: deadline, logger: logger)
            DedicatedThread.start("supervisor") { [supervisor, stop, result] in
                let isClean = (try? supervisor.run(until: stop)) ?? false
                result.update { $0 = isClean }
            }
        }

        deinit {
            stop.stop()
            supervisor.killAll()
        }

        /// Nil when it hasn't ended in time.
        func end() async throws -> Bool? {
            try await DedicatedThread.run("wait") { [result] in result.wait(for: .seconds(30)) { $0 } }
        }
    }

    /// Of a role that has said that it runs; it can say so before its keeper knows.
    private func startedPID(_ keeper: RoleKeeper) throws -> pid_t {
        try eventually("\(keeper.name) started") { !content("pid").isEmpty && keeper.pid != nil }
        return try #require(keeper.pid)
    }

    private func isAlive(_ pid: pid_t) -> Bool { kill(pid, 0) == 0 }

    private static let politeScript = """
        trap 'echo drained > drained; exit 0' TERM
        echo $$ > pid
        while :; do sleep 0.05; done
        """

    @Test func aCrashedRoleIsStartedAgain() async throws {
        let script = "echo x >> starts; [ $(wc -l < starts) -lt 5 ] && exit 3\n" + Self.politeScript
        let crashing = keeper("a", script)
        let running = Running([crashing], logger: logger)
        _ = try startedPID(crashing)
        running.stop.stop()
        #expect(try await running.end() == true)
        #expect(lines("starts") == 5)
        #expect(crashing.starts == 5)
    }

    @Test func aRoleThatEndsCleanlyIsStartedAgainToo() async throws {
        let running = Running([keeper("a", "echo x >> starts; exit 0")], logger: logger)
        try eventually("two starts") { lines("starts") >= 2 }
        running.stop.stop()
        #expect(try await running.end() == true)
    }

    @Test func aRoleKilledFromOutsideIsStartedAgain() async throws {
        let polite = keeper("a", Self.politeScript)
        let running = Running([polite], logger: logger)
        let first = try startedPID(polite)
        kill(first, SIGKILL)
        try eventually("another pid") { polite.pid.map { $0 != first } ?? false }
        running.stop.stop()
        #expect(try await running.end() == true)
        #expect(!isAlive(first))
    }

    @Test func backoffHoldsRestartsBack() async throws {
        var policy = RoleKeeper.Policy()
        policy.backoffBase = .seconds(3600)
        policy.backoffCap = .seconds(3600)
        // The first delay is at least a tenth of the base: as good as never, and yet stopping is at once.
        let running = Running([keeper("a", "echo x >> starts; exit 1", policy: policy)], logger: logger)
        try eventually("the first start") { lines("starts") == 1 }
        running.stop.stop()
        #expect(try await running.end() == true)
        #expect(lines("starts") == 1)
    }

    @Test func stoppingLetsEveryRoleFinish() async throws {
        let slow = """
            trap 'sleep 0.3; echo done > slow; exit 0' TERM
            echo $$ > slow.pid
            while :; do sleep 0.05; done
            """
        let running = Running([keeper("a", Self.politeScript), keeper("b", slow)], logger: logger)
        try eventually("both started") { !content("pid").isEmpty && !content("slow.pid").isEmpty }
        running.stop.stop()
        #expect(try await running.end() == true)
        #expect(content("drained") == "drained\n" && content("slow") == "done\n")
    }

    @Test func aRoleThatEndsWithAnErrorIsNoCleanDrain() async throws {
        let running = Running(
            [keeper("a", "trap 'exit 5' TERM; echo $$ > pid; while :; do sleep 0.05; done")], logger: logger)
        try eventually("started") { !content("pid").isEmpty }
        running.stop.stop()
        #expect(try await running.end() == false)
    }

    @Test func aRoleThatIgnoresTheRequestIsKilledAfterTheDeadline() async throws {
        let deaf = keeper("deaf", "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done")
        let running = Running([deaf], deadline: .milliseconds(300), logger: logger)
        let pid = try startedPID(deaf)
        running.stop.stop()
        #expect(try await running.end() == false)
        #expect(!isAlive(pid))
    }

    @Test func killAllDoesNotWaitForTheDeadline() async throws {
        let deaf = keeper("deaf", "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done")
        let running = Running([deaf], deadline: .seconds(3600), logger: logger)
        try eventually("started") { !content("pid").isEmpty }
        running.stop.stop()
        running.supervisor.killAll()
        #expect(try await running.end() == false)
    }

    @Test(arguments: [64, 78])
    func aRoleWithAWrongConfigurationStopsAll(code: Int) async throws {
        let running = Running(
            [
                keeper("a", Self.politeScript),
                keeper("b", "while [ ! -s pid ]; do sleep 0.02; done; echo x >> starts; exit \(code)"),
            ],
            logger: logger)
        #expect(try await running.end() == false)
        #expect(lines("starts") == 1)
        #expect(content("drained") == "drained\n")
    }

    @Test func aProgramThatIsNotThereStopsAll() async throws {
        let missing = RoleKeeper(
            name: "missing", command: .init(executable: "/nonexistent/x", arguments: [], environment: [:]),
            policy: .quick, logger: logger)
        #expect(try await Running([missing], logger: logger).end() == false)
    }

    /// Ctrl-C at a terminal goes to the foreground process group: the children must not be in it.
    @Test func everyRoleLeadsAGroupOfItsOwn() async throws {
        let polite = keeper("a", Self.politeScript)
        let running = Running([polite], logger: logger)
        let pid = try startedPID(polite)
        #expect(getpgid(pid) == pid)
        #expect(content("pid") == "\(pid)\n")
        running.stop.stop()
        #expect(try await running.end() == true)
    }

    /// Descriptors 0 to 2 and the lifeline, not our sockets and files.
    @Test func aRoleInheritsNothingButItsLifeline() async throws {
        let secret = open(path("secret"), O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        defer { close(secret) }
        let running = Running(
            [keeper("a", "ls -l /proc/$$/fd > fds.tmp; mv fds.tmp fds; exec cat <&3")], logger: logger)
        try eventually("the list") { !content("fds").isEmpty }
        running.stop.stop()
        #expect(try await running.end() == true)
        let targets = content("fds").split(separator: "\n").filter { $0.contains(" -> ") }
        #expect(targets.contains { $0.contains(" 0 -> /dev/null") }, "\(targets)")
        #expect(targets.contains { $0.contains(" 3 -> socket:") }, "\(targets)")
        #expect(!targets.contains { $0.contains("secret") }, "\(targets)")
    }

    @Test func aRoleSeesTheEndOfItsSupervisor() throws {
        var lifeline: Lifeline? = try Lifeline()
        let child = try ChildProcess(
            .init(
                executable: "/bin/sh", arguments: ["-c", "cat <&3; echo gone > '\(path("gone"))'"],
                environment: ["PATH": "/usr/bin:/bin"]), lifeline: try #require(lifeline).childEnd)
        // The kernel closes a dead supervisor's descriptors; here its object does.
        lifeline = nil
        #expect(child.wait() == .code(0))
        #expect(content("gone") == "gone\n")
    }

    @Test func theWatchCallsWhenTheSupervisorEnds() throws {
        var lifeline: Lifeline? = try Lifeline()
        let inherited = dup(try #require(lifeline).childEnd)
        let ended = StopSignal()
        #expect(Lifeline.watch(descriptor: "\(inherited)") { ended.stop() })
        #expect(!ended.isStopped)
        lifeline = nil
        try eventually("the call") { ended.isStopped }
        close(inherited)
    }

    @Test func theWatchRefusesWhatIsNoPipe() {
        #expect(Lifeline.watch(descriptor: nil) {})
        #expect(Lifeline.watch(descriptor: "") {})
        #expect(!Lifeline.watch(descriptor: "x") {})
        #expect(!Lifeline.watch(descriptor: "1000000") {})
        let file = open("/dev/null", O_RDONLY)
        #expect(!Lifeline.watch(descriptor: "\(file)") {})
        close(file)
    }

    @Test func childrenReportHowTheyEnded() throws {
        func exit(_ script: String) throws -> ChildProcess.Exit {
            let lifeline = try Lifeline()
            return try ChildProcess(
                .init(executable: "/bin/sh", arguments: ["-c", script], environment: [:]), lifeline: lifeline.childEnd
            ).wait()
        }
        #expect(try exit("exit 0") == .code(0))
        #expect(try exit("exit 255") == .code(255))
        #expect(try exit("kill -9 $$") == .signal(SIGKILL))
        #expect(try exit("trap 'exit 7' TERM; kill -TERM $$; exit 1") == .code(7))
    }

    /// A pid that was reaped may be somebody else's by now.
    @Test func anEndedChildGetsNoSignals() throws {
        let lifeline = try Lifeline()
        let child = try ChildProcess(
            .init(executable: "/bin/sh", arguments: ["-c", "exit 0"], environment: [:]), lifeline: lifeline.childEnd)
        #expect(child.wait() == .code(0))
        child.send(SIGKILL)
        #expect(kill(child.pid, 0) == -1)
    }
}

extension RoleKeeper.Policy {
    fileprivate static let quick = RoleKeeper.Policy(
        backoffBase: .milliseconds(1), backoffCap: .milliseconds(20), stableAfter: .seconds(3600))
}
