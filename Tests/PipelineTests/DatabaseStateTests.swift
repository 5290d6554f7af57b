import Execution
import Foundation
import TestServers
import TestShop
import Testing

/// States of the database server that daemons live through, and what they say of them. The sessions are encrypted.
@Suite(.serialized, .servers) struct DatabaseStateTests {
    /// One for the tests of this suite; each leaves it as it was.
    private static let shop = Result {
        let postgres = try PostgresServer.start(durable: true)
        // In the server's directory, where it looks for them.
        try postgres.execute(
            """
            COPY (SELECT 1) TO PROGRAM 'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
            -keyout server.key -out server.crt 2>/dev/null && chmod 600 server.key'
            """)
        try postgres.execute("ALTER SYSTEM SET ssl = on")
        try postgres.execute("SELECT pg_reload_conf()")
        return try Shop(
            settings: ["ORDERFLOW_DATABASE_URL": Shop.databaseURL(port: postgres.port) + "?sslmode=require"],
            postgres: postgres)
    }

    /// Somebody who orders and cancels is asked to come again, a load balancer to look elsewhere, and the first order
    /// after the end is taken.
    @Test func aServerThatTakesNoWritesIsAnOutage() async throws {
        let shop = try Self.shop.get()
        let api = try shop.daemon("api")
        try api.start()
        try await api.waitUntilReady()
        let client = api.client
        let id = try await client.order()

        func isRefused() async throws -> Bool {
            let answers = [
                try await client.post("/orders", ShopClient.simpleOrder), try await client.post("/orders/\(id)/cancel"),
            ]
            for answer in answers where answer.status != 201 && answer.status != 202 {
                #expect(answer.status == 503, "\(answer.text)")
                #expect(answer.header("Retry-After") != nil)
            }
            return answers.allSatisfy { $0.status == 503 }
        }
        func isUnready(_ reason: String) async throws -> Bool {
            let answer = try await client.get("/readyz")
            return answer.status == 503 && answer.text.contains(reason)
        }
        func isWell() async throws {
            try await eventually("orders are taken") {
                let answer = try await client.post("/orders", ShopClient.simpleOrder)
                #expect([201, 503].contains(answer.status), "\(answer.text)")
                return answer.status == 201
            }
            try await eventually("it is ready") { try await client.get("/readyz").status == 200 }
        }

        try shop.postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try shop.postgres.execute("SELECT pg_reload_conf()")
        try await eventually("writes are refused") { try await isRefused() }
        for _ in 0..<8 { #expect(try await isRefused()) }
        try await eventually("it says so") { try await isUnready("takes no writes: it is set to read-only") }
        try shop.postgres.execute("ALTER SYSTEM RESET default_transaction_read_only")
        try shop.postgres.execute("SELECT pg_reload_conf()")
        try await isWell()

        // What can't be seen until something is written: as a server with a full disk answers, and one out of memory.
        for code in ["53100", "53200", "58030"] {
            for sql in [
                """
                CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'no room' USING ERRCODE = '\(code)'; END $$
                """, "CREATE OR REPLACE TRIGGER refusal BEFORE INSERT ON events EXECUTE FUNCTION refuse()",
            ] { try shop.postgres.execute(sql, database: "orderflow_orders") }
            #expect(try await isRefused(), "\(code)")
            #expect(try await isUnready("no room"), "\(code)")
            try shop.postgres.execute("DROP TRIGGER refusal ON events", database: "orderflow_orders")
            #expect(try await client.post("/orders", ShopClient.simpleOrder).status == 201, "\(code)")
            try await eventually("it is ready") { try await client.get("/readyz").status == 200 }
        }
        #expect(try api.terminate() == 0)
    }

    /// While requests are answered from pools whose threads have TLS sessions open.
    @Test func stopsUnderLoadAreClean() async throws {
        let shop = try Self.shop.get()
        let daemons = try (1...3).map { try shop.daemon("query", instance: $0) }
        let isOver = Monitor(false)
        let customers = daemons.map { daemon in
            DedicatedThread.start("customer") {
                while !isOver.withLock({ $0 }) { Self.ask(daemon.port) }
            }
        }
        defer {
            isOver.withLock { $0 = true }
            for customer in customers { customer.join(timeout: .seconds(10)) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for daemon in daemons {
                group.addTask {
                    for round in 0..<10 {
                        try daemon.start()
                        try await daemon.waitUntilReady()
                        let status = try await DedicatedThread.run("stop") { try daemon.terminate() }
                        #expect(status == 0, "round \(round): \(daemon)\n\(daemon.log.suffix(2_000))")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Asks for a list a few times, and leaves after the first answer.
    private static func ask(_ port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        let request = String(repeating: "GET /orders?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 4)
        guard LocalPort.withAddress(port, { connect(descriptor, $0, $1) }) == 0,
            send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0
        else {
            usleep(10_000)
            return
        }
        var answer = [UInt8](repeating: 0, count: 256)
        _ = recv(descriptor, &answer, answer.count, 0)
    }

    /// With sessions that are somebody else's a moment later nothing works that lasts: locks stay, statements are
    /// missing.
    @Test func aPoolerThatSharesSessionsEndsEveryCommand() async throws {
        let shop = try Self.shop.get()
        let pooler = try PgBouncer(
            for: shop.postgres, mode: .transaction, users: ["orderflow_views_requests": Shop.databasePassword])
        let environment = [
            "ORDERFLOW_DATABASE_URL": pooler.url(), "ORDERFLOW_DATABASE_ADMIN_URL": pooler.url(),
        ]
        let migration = try ServerProcess("orderflow-migrate", environment: environment) { _ in
            [Shop.program, "migrate"]
        }
        let query = try shop.daemon("query", settings: environment)
        try migration.start()
        try query.start()
        let sentence = "a connection pooler shares sessions between transactions; orderflow needs sessions of its own"
        #expect(try migration.waitForExit() == 78)
        #expect(migration.log.contains(sentence), "\(migration.log)")
        try eventually("it ends") { !query.isRunning }
        #expect(query.log.contains("orderflow: ") && query.log.contains(sentence), "\(query.log)")
        #expect(try shop.postgres.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [["0"]])
    }
}
