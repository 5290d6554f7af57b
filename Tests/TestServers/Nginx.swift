import Foundation

/// A private nginx with a configuration of the test's.
public final class Nginx: Sendable {
    private let process: ServerProcess

    /// Starts it and waits until it listens on `port` of 127.0.0.1.
    ///
    /// - Parameter configure: writes `nginx.conf` and what it includes into the directory; `pid` and the temporary
    ///   folders belong there too.
    public init(port: Int, configure: (_ directory: String) throws -> Void) throws {
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        guard let program else { throw TestServerError("no nginx; scripts/bootstrap installs it") }
        process = try ServerProcess("nginx") { directory in
            try configure(directory)
            return [program, "-p", directory, "-c", directory + "/nginx.conf", "-g", "daemon off;"]
        }
        try process.start()
        try process.waitUntilReady { LocalPort.isTaken(port) && process.isRunning }
    }

    /// The directory given to `configure`.
    public var directory: String { process.directory }

    /// What it has written, its access log among it where that goes to stdout.
    public var log: String { process.log }
}
