import Foundation

/// A private Kafka broker (the dev broker, one node) on a port of its own.
public final class KafkaBroker: Sendable {
    /// One broker for all tests of this process that don't break it. Give each test its own topics and groups.
    public static let shared = Result { try KafkaBroker.start() }

    public let port: Int
    private let process: ServerProcess

    /// `127.0.0.1:port`
    public var bootstrapServers: String { "127.0.0.1:\(port)" }

    /// Starts an empty broker.
    public static func start() throws -> KafkaBroker {
        // Somebody else may take the port between the choice and the start.
        for _ in 0..<2 {
            if let broker = try? KafkaBroker() { return broker }
        }
        return try KafkaBroker()
    }

    private init() throws {
        let program = try Self.program()
        let port = try LocalPort.unused()
        self.port = port
        process = try ServerProcess("kafka") { directory in
            [program, "start", "--only", "kafka", "--kafka-port", "\(port)", "--data-dir", directory + "/data"]
        }
        try restart()
    }

    /// The broker is gone without a word to its clients, but with its data saved.
    ///
    /// `SIGTERM` and not `SIGKILL`: the dev broker keeps its data in memory and writes it out every few seconds and
    /// when it is terminated. A killed Kafka loses nothing it has acknowledged, the kernel has its pages; this is
    /// the nearest to that. `crash` is the other thing.
    public func kill() throws {
        try process.terminate()
    }

    /// `SIGKILL`: what was acknowledged in the last seconds may be lost, topics included, as when all replicas of a
    /// partition lose power at once.
    public func crash() throws { try process.kill() }

    /// Starts the broker again after `kill`, on the same port, with its data. Returns when it answers.
    public func restart() throws {
        try process.start()
        try process.waitUntilReady { LocalPort.answersKafka(port) && process.isRunning }
    }

    /// `SIGSTOP`: connections stay open, nobody answers.
    public func pause() throws { try process.pause() }

    /// Ends `pause`.
    public func resume() throws { try process.resume() }

    /// 0 when it doesn't run.
    public var processID: Int32 { process.processID }

    /// What the broker has logged.
    public var log: String { process.log }

    /// Ends the broker for good and removes its data.
    public func stop() { process.stop() }

    private static func program() throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script =
            ProcessInfo.processInfo.environment["ORDERFLOW_DEV_BROKER"]
            ?? root.appendingPathComponent("var/broker-venv/bin/noida-db").path
        guard FileManager.default.isExecutableFile(atPath: script) else {
            throw TestServerError("no dev broker at \(script); scripts/bootstrap installs it")
        }
        return native(script) ?? script
    }

    /// The program behind the Python script that pip installs. The script runs it as a child and hands on no signal.
    private static func native(_ script: String) -> String? {
        let venv = URL(fileURLWithPath: script).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent()
        let lib = venv.appendingPathComponent("lib").path
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: lib)) ?? []
        return versions.map { "\(lib)/\($0)/site-packages/noida_db/noida-db" }
            .first { FileManager.default.isExecutableFile(atPath: $0) || chmod($0, 0o755) == 0 }
    }
}
