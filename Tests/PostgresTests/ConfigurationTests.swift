import Postgres
import TestServers
import Testing

@Suite struct ConfigurationTests {
    static let secret = "s3cr3t-pa55"

    @Test(
        arguments: [
            ("postgresql://alice:\(secret)@db.example:6543/shop", "db.example", "6543", "shop", "alice"),
            ("postgres://alice@[::1]:5432/shop?application_name=x", "::1", "5432", "shop", "alice"),
            ("postgresql:///shop?host=/var/run/postgresql&user=bob", "/var/run/postgresql", nil, "shop", "bob"),
            ("postgresql://%2Fvar%2Frun%2Fpg/shop", "/var/run/pg", nil, "shop", nil),
            (
                "host=localhost port=5433 dbname=shop user=carol password=\(secret)", "localhost", "5433", "shop",
                "carol"
            ),
            ("postgresql://a:x@one:1,two:2/db", "one,two", "1,2", "db", "a"),
        ] as [(String, String, String?, String, String?)])
    func parses(_ text: String, _ host: String, _ port: String?, _ database: String, _ user: String?) throws {
        let configuration = try PostgresConfiguration(text)
        #expect(configuration.host == host)
        #expect(configuration.port == port)
        #expect(configuration.database == database)
        #expect(configuration.user == user)
    }

    @Test func neverPrintsThePassword() throws {
        let configuration = try PostgresConfiguration(
            "postgresql://alice:\(Self.secret)@127.0.0.1:1/shop?sslpassword=\(Self.secret)"
        )
        .with(database: "other")
        var dumped = ""
        dump(configuration, to: &dumped)
        struct Holder { let configuration: PostgresConfiguration }
        for text in [
            "\(configuration)", String(reflecting: configuration), dumped, "\(Holder(configuration: configuration))",
        ] {
            #expect(!text.contains(Self.secret), "\(text)")
            #expect(text.contains("alice@127.0.0.1:1/other"), "\(text)")
        }
        let error = failure { try Connection(configuration, logger: quiet) }
        #expect(error?.kind == .connection)
        #expect(error.map { !"\($0)".contains(Self.secret) } == true)
    }

    /// A password with unescaped characters splits the URL in the wrong places.
    @Test(arguments: [
        "postgresql://alice:\(secret)/x@host:5432/shop", "postgresql://alice:\(secret)%zz@host/shop",
        "postgresql://alice:x@y\(secret)@host:\(secret)/shop", "postgresql://alice:5432/\(secret)@host/shop",
        "postgresql://h/db?nonsense=1", "postgresql://h/db?\(secret)", "postgresql://h:99999/db", "mysql://h/db",
        "postgresql://[::1/db", "postgresql://h/db?connect_timeout=soon", "postgresql://h/db?client_encoding=LATIN1",
        "host=h password='\(secret)",
    ])
    func refusesClearly(_ text: String) {
        let error = failure { try PostgresConfiguration(text) }
        #expect(error?.kind == .configuration)
        #expect(error.map { !"\($0)".contains(Self.secret) } == true, "\(String(describing: error))")
        #expect(error.map { $0.message.count > 20 } == true, "\(String(describing: error))")
    }

    @Test(.servers) func refusesLimitsThatMeanForever() throws {
        var configuration = try freshDatabase()
        configuration.statementTimeout = .zero
        #expect(failure { try Connection(configuration, logger: quiet) }?.kind == .configuration)
    }

    @Test(.servers) func derivesPerService() throws {
        let admin = try freshDatabase()
        let connection = try Connection(admin, logger: quiet)
        let role = "role_\(UInt64.random(in: 0...UInt64.max))"
        try connection.script("CREATE ROLE \(role) LOGIN PASSWORD 'x'")
        let service = try Connection(admin.with(user: role, password: "x"), logger: quiet)
        #expect(
            try service.query("SELECT current_user::text, current_database()::text").one().get(0, as: String.self)
                == role)
        service.close()
        try connection.script("DROP ROLE \(role)")
    }

    @Test(.servers) func setsTheServersLimitsAtConnect() throws {
        var configuration = try freshDatabase()
        configuration.applicationName = "limits test"
        configuration.statementTimeout = .milliseconds(12_345)
        configuration.lockTimeout = .seconds(3)
        configuration.idleInTransactionTimeout = .seconds(61)
        let connection = try Connection(configuration, logger: quiet)
        let row = try connection.query(
            """
            SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
                   current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'),
                   current_setting('client_encoding')
            """
        ).one()
        let values = try (0..<5).map { try row.get($0, as: String.self) }
        #expect(values == ["12345ms", "3s", "61s", "limits test", "UTF8"])
    }

    @Test(.servers) func triesTheNextHost() throws {
        let good = try freshDatabase()
        let port = try #require(good.port)
        let two = try PostgresConfiguration(
            "postgresql://\(good.user ?? ""):\(good.password ?? "")@127.0.0.1:1,127.0.0.1:\(port)/\(good.database ?? "")"
        )
        #expect(try Connection(two, logger: quiet).query("SELECT 1").count == 1)
    }
}
