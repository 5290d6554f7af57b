import Foundation
import TestServers

/// One `orderflow` daemon as a process.
public final class Daemon: Sendable, CustomStringConvertible {
    public let role: String
    public let instance: Int
    public let port: Int
    private let process: ServerProcess

    init(role: String, instance: Int, port: Int, program: String, environment: [String: String]) throws {
        self.role = role
        self.instance = instance
        self.port = port
        process = try ServerProcess("orderflow-\(role)-\(instance)", environment: environment) { _ in [program, role] }
    }

    public var description: String { "\(role)-\(instance)" }
    public var client: ShopClient { ShopClient(port: port) }
    public var isRunning: Bool { process.isRunning }
    public var processID: Int32 { process.processID }
    public var log: String { process.log }

    /// Starts it, again when it has ended, without waiting for anything.
    public func start() throws { try process.start() }

    /// Waits until it says of itself that it can work.
    public func waitUntilReady(within limit: Duration = .seconds(40)) async throws {
        do {
            try await eventually(within: limit, "\(role) is ready") {
                guard process.isRunning else { throw DaemonEnded(role: role, log: log) }
                return try await client.get("/readyz", orNil: true)?.status == 200
            }
        } catch let error as NeverHappened {
            throw DaemonEnded(role: "\(error): \(role)", log: log)
        }
    }

    /// `SIGKILL`.
    public func kill() throws { try process.kill() }
    /// `SIGTERM`, and waits. Returns the exit status.
    @discardableResult
    public func terminate() throws -> Int32 { try process.terminate() }
    /// `SIGSTOP` and `SIGCONT`.
    public func pause() throws { try process.pause() }
    public func resume() throws { try process.resume() }
    public func stop() { process.stop() }
}

/// A daemon that isn't there, with the end of its log.
public struct DaemonEnded: Error, CustomStringConvertible {
    public let role: String
    public let log: String
    public var description: String { "\(role); the end of its log:\n\(log.suffix(3_000))" }
}
