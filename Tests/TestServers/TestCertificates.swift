import Foundation

/// Certificates that nobody else trusts, made by `openssl`: an authority, a server of it that is called `localhost`, and
/// an authority that has nothing to do with them. Files in a directory that goes with this object.
public final class TestCertificates: Sendable {
    private let directory: String

    public var authority: String { directory + "/ca.crt" }
    public var otherAuthority: String { directory + "/other.crt" }
    public var certificate: String { directory + "/server.crt" }
    public var key: String { directory + "/server.key" }

    /// - Parameter names: the server's, as `subjectAltName` has them.
    public init(names: String = "DNS:localhost") throws {
        directory = NSTemporaryDirectory() + "/orderflow-certificates-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        func openssl(_ arguments: String...) throws {
            try PostgresPrograms.run(["/usr/bin/env", "openssl"] + arguments)
        }
        let curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for name in ["ca", "other"] {
            try openssl(
                "req", "-x509", "-newkey", curve[0], curve[1], curve[2], curve[3], "-days", "2", "-subj", "/CN=\(name)",
                "-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).crt")
        }
        try openssl(
            "req", "-newkey", curve[0], curve[1], curve[2], curve[3], "-subj", "/CN=localhost", "-keyout", key, "-out",
            directory + "/server.csr")
        try "subjectAltName=\(names)\n".write(
            toFile: directory + "/names", atomically: true, encoding: .utf8)
        try openssl(
            "x509", "-req", "-in", directory + "/server.csr", "-CA", authority, "-CAkey", directory + "/ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", directory + "/names", "-out", certificate)
    }

    /// A listener that speaks TLS with the server's certificate, and nobody's protocol.
    public func listener() throws -> (process: ServerProcess, port: Int) {
        let port = try LocalPort.unused()
        let process = try ServerProcess("tls-listener") { _ in
            [
                "/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", key,
                "-www",
            ]
        }
        try process.start()
        try process.waitUntilReady { LocalPort.isTaken(port) }
        return (process, port)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }
}

extension PostgresServer {
    /// Has the server speak TLS with these certificates from the next session on.
    public func enableTLS(_ certificates: TestCertificates) throws {
        for (path, name) in [(certificates.certificate, "server.crt"), (certificates.key, "server.key")] {
            let text = try Data(contentsOf: URL(fileURLWithPath: path)).base64EncodedString()
            // By the server itself, which reads no key that others may read.
            _ = try query("COPY (SELECT '\(text)') TO PROGRAM 'umask 077; base64 -d > \(name)'")
        }
        _ = try query("ALTER SYSTEM SET ssl = on")
        _ = try query("SELECT pg_reload_conf()")
        try eventually("the server speaks TLS") { try query("SHOW ssl").first?.first == "on" }
    }
}
