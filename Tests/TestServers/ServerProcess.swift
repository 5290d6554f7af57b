import Foundation
import Randomness
import Synchronization

/// A program that runs for as long as a test needs it and never longer: it ends, with all its children, when it is
/// stopped, when this object goes, or when the test process dies in whatever way.
public final class ServerProcess: Sendable {
    public let name: String
    /// Files of the program, its log among them; removed with it.
    public let directory: String
    private let guardian: ProcessGuard
    private let current = Mutex<pid_t>(0)

    /// Makes the directory; `start` starts the program.
    ///
    /// - Parameters:
    ///   - environment: set over the environment of this process.
    ///   - ending: the signal that ends it in the end; `KILL` takes all its children too.
    ///   - command: the program's full path and its arguments, given the directory.
    public init(
        _ name: String, environment: [String: String] = [:], ending: String = "KILL",
        command: (_ directory: String) throws -> [String]
    ) throws {
        if TestTier.isFast {
            throw TestServerError("\(name) would be started by a test that isn't marked .servers")
        }
        self.name = name
        // The servers of root run as somebody else, who can't look into a private TMPDIR.
        let root = getuid() == 0 ? "/tmp" : NSTemporaryDirectory()
        var template = Array((root + "/orderflow-\(name)-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw TestServerError("mkdtemp in \(root)", errno: errno) }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do {
            guard chmod(directory, 0o755) == 0 else { throw TestServerError("chmod \(directory)", errno: errno) }
            guardian = try ProcessGuard(
                directory: directory, log: directory + "/log", ending: ending, command: command(directory),
                environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
        } catch {
            rmdir(directory)
            throw error
        }
    }

    public var processID: Int32 { current.withLock { $0 } }

    /// What the program has written to stdout and stderr, over all its runs.
    public var log: String { (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "" }

    /// Whether it has been started and has not ended since.
    public var isRunning: Bool {
        let pid = processID
        guard pid > 0, let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let name = stat.lastIndex(of: ")")
        else { return false }
        // proc(5): "pid (name) state …"; a zombie waits only for the guard to fetch its status.
        return !stat[name...].hasPrefix(") Z")
    }

    /// Starts the program, again if it has ended.
    public func start() throws {
        if isRunning { throw TestServerError("\(name) is running already, process \(processID)") }
        let pid = try guardian.ask("start")
        current.withLock { $0 = pid }
    }

    /// `SIGKILL` to the program and all its children. When this returns they are gone.
    public func kill() throws {
        _ = try guardian.ask("kill")
        current.withLock { $0 = 0 }
    }

    /// Sends a signal, `"TERM"` for instance, to the program alone.
    public func signal(_ signal: String) throws {
        guard try guardian.ask("signal \(signal)") == 0 else { throw TestServerError("\(name) is not running") }
    }

    /// `SIGTERM`, then waits for the end. Returns the exit status, 128 and more for a signal; after ten seconds 137.
    @discardableResult
    public func terminate() throws -> Int32 {
        defer { current.withLock { $0 = 0 } }
        return try guardian.ask("end TERM")
    }

    /// Waits until the program has ended of its own and returns its exit status.
    public func waitForExit(within limit: Duration = .seconds(20)) throws -> Int32 {
        try eventually(within: limit, "\(name) ends") { !isRunning }
        defer { current.withLock { $0 = 0 } }
        return try guardian.ask("wait")
    }

    /// `SIGSTOP` to the program and all its children: connections stay open, nobody answers.
    public func pause() throws { _ = try guardian.ask("signal-tree STOP") }

    /// Ends `pause`.
    public func resume() throws { _ = try guardian.ask("signal-tree CONT") }

    /// Ends the program for good and removes its directory.
    public func stop() { guardian.close() }

    /// Waits until `answers` is true, for a program that has just been started.
    func waitUntilReady(within limit: Duration = .seconds(30), _ answers: () -> Bool) throws {
        let deadline = ContinuousClock.now + limit
        while !answers() {
            let running = isRunning
            guard running, .now < deadline else {
                throw TestServerError(
                    "\(name) \(running ? "doesn't answer after \(limit)" : "ended while starting"); its log:\n\(log)")
            }
            usleep(10_000)
        }
    }
}
