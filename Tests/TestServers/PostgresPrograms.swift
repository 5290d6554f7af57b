import Foundation

/// PostgreSQL's own programs, and how to run them: its server refuses root.
struct PostgresPrograms: Sendable {
    /// The directory of `initdb`, `postgres` and `psql`.
    let directory: String
    /// What a command of the server starts with: nothing, or a change to the user postgres.
    let asServerUser: [String]

    static func find() throws -> PostgresPrograms {
        try PostgresPrograms(directory: directory(), asServerUser: getuid() == 0 ? becomePostgres() : [])
    }

    /// Debian keeps the server's programs out of PATH, one directory a version; the newest is taken.
    private static func directory() throws -> String {
        let debian = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? []
        let path = ProcessInfo.processInfo.environment["PATH", default: ""].split(separator: ":").map(String.init)
        let candidates = versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(debian)/\($0)/bin" } + path
        let found = candidates.first {
            FileManager.default.isExecutableFile(atPath: $0 + "/initdb")
                && FileManager.default.isExecutableFile(atPath: $0 + "/postgres")
        }
        guard let found else {
            throw TestServerError("no PostgreSQL server in \(debian)/*/bin or PATH; scripts/bootstrap installs it")
        }
        return found
    }

    private static func becomePostgres() throws -> [String] {
        guard getpwnam("postgres") != nil else {
            throw TestServerError("PostgreSQL refuses to run as root, and there is no user postgres to run it as")
        }
        return ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    }

    /// Runs a program to its end and returns what it wrote; throws with that when it fails.
    @discardableResult
    static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        if process.terminationStatus != 0 {
            throw TestServerError("\(command.joined(separator: " ")): status \(process.terminationStatus): \(said)")
        }
        return said
    }
}
