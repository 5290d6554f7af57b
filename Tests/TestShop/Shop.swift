import Foundation
import TestServers

/// A whole shop on this machine: PostgreSQL, a broker, and any number of `orderflow` daemons as processes of their own.
public final class Shop: Sendable {
    public let postgres: PostgresServer
    public let broker: KafkaBroker
    /// Mails of all daemons.
    public let mailDirectory: String
    /// Of daemons, which don't know the administrator.
    private let settings: [String: String]
    /// Of commands.
    private let administration: [String: String]

    /// Starts the servers and prepares databases and topics, by the commands that an operator would use.
    ///
    /// - Parameter settings: environment of every daemon, over the defaults.
    public init(settings: [String: String] = [:], postgres: PostgresServer? = nil, broker: KafkaBroker? = nil) throws {
        self.broker = try broker ?? .start()
        let kafka = [
            "ORDERFLOW_KAFKA_BROKERS": self.broker.bootstrapServers, "ORDERFLOW_KAFKA_DEV_BROKER": "on",
        ].merging(settings) { $1 }
        // While the databases are made.
        let topics = try ServerProcess("orderflow-topics", environment: kafka) { _ in
            [Shop.program, "topics", "create"]
        }
        try topics.start()
        defer { topics.stop() }
        self.postgres = try postgres ?? .start(durable: true, copying: Self.prepared.get())
        mailDirectory = NSTemporaryDirectory() + "/orderflow-mail-\(UUID())"
        try FileManager.default.createDirectory(atPath: mailDirectory, withIntermediateDirectories: true)
        self.settings = [
            "ORDERFLOW_DATABASE_URL": Self.databaseURL(port: self.postgres.port),
            "ORDERFLOW_MAIL_DIRECTORY": mailDirectory,
        ].merging(kafka) { $1 }
        administration = ["ORDERFLOW_DATABASE_ADMIN_URL": self.postgres.url()].merging(self.settings) { $1 }
        // Of a copy, what the settings ask for besides.
        if postgres != nil || !settings.isEmpty { _ = try run("migrate") }
        let status = try topics.waitForExit(within: .seconds(60))
        guard status == 0 else {
            throw CommandFailed(command: ["topics", "create"], status: status, output: topics.log)
        }
    }

    /// A server with the databases of a shop with the usual settings, shut down: making them takes seconds, a copy doesn't.
    private static let prepared = Result {
        // What is left of its log is copied too.
        let postgres = try PostgresServer.start(settings: ["min_wal_size=32MB", "max_wal_size=64MB"])
        _ = try run(
            [program, "migrate"],
            environment: [
                "ORDERFLOW_DATABASE_URL": databaseURL(port: postgres.port),
                "ORDERFLOW_DATABASE_ADMIN_URL": postgres.url(),
            ])
        try postgres.shutDown()
        return postgres
    }

    /// The password of the roles that daemons log in as.
    public static let databasePassword = "of-the-daemons"

    /// The databases as daemons reach them, by the server's port or that of something in front of it.
    public static func databaseURL(port: Int) -> String {
        PostgresServer.url(port: port, user: "replaced", password: databasePassword)
    }

    deinit { try? FileManager.default.removeItem(atPath: mailDirectory) }

    /// A daemon of `role`, not started yet.
    ///
    /// - Parameter instance: two of one role need two names.
    public func daemon(_ role: String, instance: Int = 1, settings more: [String: String] = [:]) throws -> Daemon {
        let port = try LocalPort.unused()
        let environment = settings.merging([
            "ORDERFLOW_\(role.uppercased())_HTTP_PORT": "\(port)",
            "ORDERFLOW_KAFKA_INSTANCE": "\(role)-\(instance)",
        ]) { $1 }.merging(more) { $1 }
        return try Daemon(role: role, instance: instance, port: port, program: Self.program, environment: environment)
    }

    /// `orderflow up`: every role, supervised, the API at `Daemon.port`, the others on the ports after it.
    public func up(settings more: [String: String] = [:]) throws -> Daemon {
        let port = try LocalPort.unused(inARow: 12)
        let environment = settings.merging(["ORDERFLOW_HTTP_PORT": "\(port)"]) { $1 }.merging(more) { $1 }
        return try Daemon(role: "up", instance: 1, port: port, program: Self.program, environment: environment)
    }

    /// Runs an `orderflow` command to its end and returns what it has written to stdout.
    @discardableResult
    public func run(_ arguments: String..., expecting status: Int32 = 0) throws -> String {
        try run(arguments, expecting: status)
    }

    @discardableResult
    public func run(_ arguments: [String], expecting status: Int32 = 0) throws -> String {
        try Self.run([Self.program] + arguments, environment: administration, expecting: status)
    }

    /// An `orderflow` command as a process, not started yet.
    public func command(_ arguments: String...) throws -> ServerProcess {
        try ServerProcess("orderflow-\(arguments[0])", environment: administration) { _ in [Self.program] + arguments }
    }

    /// As `run`, whatever the exit status.
    public func output(_ arguments: String...) throws -> String {
        try Self.run([Self.program] + arguments, environment: administration, expecting: nil)
    }

    /// Runs a script of bash with the environment of the shop's commands, and returns what it has written to stdout.
    public func shell(_ script: String) throws -> String {
        try Self.run(["bash", "-c", script], environment: administration)
    }

    /// Every record of a topic, from the first offset to the last, read by a program that isn't ours.
    public func records(of topic: String) throws -> [TopicRecord] {
        let text = try Self.run(
            ["kcat", "-b", broker.bootstrapServers, "-q", "-C", "-t", topic, "-o", "beginning", "-e", "-J"],
            environment: [:])
        return try text.split(separator: "\n").map { try TopicRecord(Data($0.utf8)) }
    }

    /// The topic's records, once so many orders have a fact of this type there: what a service has committed is published
    /// after that.
    public func records(of topic: String, awaiting count: Int, _ type: String) throws -> [TopicRecord] {
        var records: [TopicRecord] = []
        try eventually("\(count) keys have \(type) on \(topic)") {
            records = try self.records(of: topic)
            return Set(records.filter { $0.type == type }.map(\.key)).count >= count
        }
        return records
    }

    /// Writes one record without headers, by a program that isn't ours.
    public func produce(_ value: String, key: String, to topic: String) throws {
        let file = NSTemporaryDirectory() + "/orderflow-record-\(UUID())"
        try "\(key)\t\(value)\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        _ = try Self.run(
            ["kcat", "-b", broker.bootstrapServers, "-P", "-t", topic, "-K", "\t", "-l", file], environment: [:])
    }

    /// Runs `body` while no mail can be delivered: a file lies where the folder was.
    public func withoutMail(_ body: () throws -> Void) throws {
        let aside = mailDirectory + "-aside"
        try FileManager.default.moveItem(atPath: mailDirectory, toPath: aside)
        defer {
            try? FileManager.default.removeItem(atPath: mailDirectory)
            try? FileManager.default.moveItem(atPath: aside, toPath: mailDirectory)
        }
        try Data().write(to: URL(fileURLWithPath: mailDirectory))
        try body()
    }

    /// The mails in the folder. One that was sent again, after a death between its sending and its commit, counts once.
    public func mails() throws -> [String] {
        let mails = try FileManager.default.contentsOfDirectory(atPath: mailDirectory)
            .filter { $0.hasSuffix(".mbox") }
            .flatMap { name in
                try "\n\n\(String(contentsOfFile: mailDirectory + "/" + name, encoding: .utf8))"
                    .components(separatedBy: "\n\nFrom ").dropFirst()
            }
        let byID = Dictionary(grouping: mails) { mail in
            mail.split(separator: "\n").first { $0.hasPrefix("Message-ID: ") }
        }
        return byID.values.compactMap(\.first)
    }

    /// The program under test, beside the test bundle.
    public static let program: String = {
        let bundle = Bundle.main.bundlePath
        let start = URL(fileURLWithPath: bundle.hasSuffix(".xctest") ? bundle : CommandLine.arguments[0])
        for directory in [Bundle.main.bundleURL, start, start.deletingLastPathComponent()] {
            let candidate = directory.appendingPathComponent("orderflow").path
            if FileManager.default.isExecutableFile(atPath: candidate),
                !FileManager.default.directoryExists(atPath: candidate)
            {
                return candidate
            }
        }
        return ProcessInfo.processInfo.environment["ORDERFLOW_TEST_PROGRAM"] ?? "orderflow"
    }()

    static func run(
        _ command: [String], environment: [String: String], input: String? = nil, expecting status: Int32? = 0
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        let stdin = input.map { _ in Pipe() }
        process.standardInput = stdin ?? FileHandle.nullDevice
        try process.run()
        if let stdin, let input {
            // Short enough for the pipe to take it.
            stdin.fileHandleForWriting.write(Data(input.utf8))
            try stdin.fileHandleForWriting.close()
        }
        // Both at once: a full pipe would stop the program.
        let complaint = Collector(errors.fileHandleForReading)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard status == nil || process.terminationStatus == status else {
            throw CommandFailed(
                command: command, status: process.terminationStatus, output: complaint.text)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// A command that ended otherwise than it should.
public struct CommandFailed: Error, CustomStringConvertible {
    public let command: [String]
    public let status: Int32
    public let output: String
    public var description: String { "\(command.joined(separator: " ")): status \(status)\n\(output)" }
}

/// Reads a pipe to its end on a thread of its own.
private final class Collector: @unchecked Sendable {
    // Written by the thread alone, read after `done` has been signalled.
    private var data = Data()
    private let done = DispatchSemaphore(value: 0)

    init(_ handle: FileHandle) {
        Thread { [self] in
            data = handle.readDataToEndOfFile()
            done.signal()
        }.start()
    }

    var text: String {
        done.wait()
        defer { done.signal() }
        return String(decoding: data, as: UTF8.self)
    }
}

extension FileManager {
    fileprivate func directoryExists(atPath path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }
}
