import Foundation
import Postgres
import TestServers
import Testing

/// TLS to PostgreSQL by the URL alone, as operators configure it: `sslmode=verify-full`.
@Suite(.serialized, .blocking, .servers) struct TLSTests {
    private let server: PostgresServer
    private let certificates: TestCertificates

    init() throws {
        server = try PostgresServer.start()
        certificates = try TestCertificates()
        try server.enableTLS(certificates)
    }

    private func connect(_ host: String, _ authority: String) throws -> Connection {
        let url = server.url().replacing("127.0.0.1", with: host)
        let more = "sslmode=verify-full&sslrootcert=\(authority)"
        return try Connection(
            PostgresConfiguration(url + (url.contains("?") ? "&" : "?") + more), logger: quiet)
    }

    @Test func onlyTheServerOfTheAuthorityAndTheNameIsSpokenTo() throws {
        let connection = try connect("localhost", certificates.authority)
        #expect(
            try connection.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").one()
                .get(0, as: Bool.self))
        let stranger = failure { try connect("localhost", certificates.otherAuthority) }
        #expect("\(try #require(stranger))".contains("certificate verify failed"))
        let misnamed = failure { try connect("127.0.0.1", certificates.authority) }
        #expect("\(try #require(misnamed))".contains("does not match host name"))
        let nowhere = failure { try connect("localhost", "/nowhere/ca.crt") }
        #expect("\(try #require(nowhere))".contains("/nowhere/ca.crt"))
    }

    /// A server that has stopped speaking TLS isn't spoken to without.
    @Test func thereIsNoWayBackToPlainText() throws {
        _ = try server.query("ALTER SYSTEM SET ssl = off")
        _ = try server.query("SELECT pg_reload_conf()")
        try eventually("the server speaks no TLS") { try server.query("SHOW ssl").first?.first == "off" }
        let plain = failure { try connect("localhost", certificates.authority) }
        #expect("\(try #require(plain))".contains("server does not support SSL"))
    }
}
