import Execution
import Foundation
import HTTPServer
import TestServers
import TestShop
import Testing

/// The way in from outside: nginx with the files of `config/gateway`, in front of a shop.
@Suite(.serialized, .servers, .sharedShop) struct GatewayTests {
    /// One of two API processes is killed again and again while orders come in, each under a key of its own. A client
    /// sends what had no answer once more, as it may.
    @Test func anAPIProcessKilledUnderLoadLosesAndDoublesNothing() async throws {
        let shop = try Shop()
        let apis = try [1, 2].map { try shop.daemon("api", instance: $0) }
        let readers = try ["query", "projection"].map { try shop.daemon($0) }
        for daemon in apis + readers { try daemon.start() }
        for daemon in apis + readers { try await daemon.waitUntilReady() }
        let gateway = try Gateway(apis: apis.map(\.port), queries: [readers[0].port])
        let client = gateway.client
        let (customers, each) = (8, 40)
        let taken = Monitor<[String: String]>([:])

        try await withThrowingTaskGroup(of: Void.self) { group in
            for customer in 0..<customers {
                group.addTask {
                    for number in 0..<each {
                        let key = "\(customer)-\(number)"
                        try await eventually(within: .seconds(60), "\(key) is answered") {
                            guard let id = try? await client.order(key: key) else { return false }
                            taken.withLock { $0[key] = id }
                            return true
                        }
                    }
                }
            }
            group.addTask {
                // Each in the middle of it, by what has been taken so far.
                for (round, victim) in [apis[0], apis[1], apis[0]].enumerated() {
                    let due = (round + 1) * customers * each / 4
                    try await eventually(within: .seconds(60), "\(due) orders are taken") {
                        // Others go on meanwhile: the wait isn't a thread's.
                        await Task.yield()
                        return taken.withLock { $0.count } >= due
                    }
                    try victim.kill()
                    try victim.start()
                    try await victim.waitUntilReady()
                }
            }
            try await group.waitForAll()
        }
        let orders = taken.withLock { $0 }
        #expect(orders.count == customers * each && Set(orders.values).count == orders.count)
        for id in orders.values {
            try await eventually(within: .seconds(60), "order \(id) is read by the gateway") {
                try await client.view(id) != nil
            }
        }
        try eventually(within: .seconds(60), "every order is on the topic, once, and no other") {
            let created = try shop.records(of: "order-events").filter { $0.type == "OrderCreated" }.compactMap(\.key)
            return created.sorted() == orders.values.sorted()
        }
    }

    // MARK: From outside

    /// Runs `body` with the shared shop behind the gateway.
    private func withGateway(
        legacy: Int? = nil, _ body: (Gateway, Shop, _ api: Daemon) async throws -> Void
    ) async throws {
        let running = try #require(SharedShop.current)
        let port = running.up.port
        let gateway = try Gateway(apis: [port], queries: [port], legacy: legacy)
        try await body(gateway, running.shop, running.up)
    }

    /// What curl prints: `arguments` come before the gateway's address with `path`.
    private func curl(_ gateway: Gateway, _ shop: Shop, _ path: String, _ arguments: String = "") throws -> String {
        try shop.shell(
            "curl -s --path-as-is --max-time 20 --cacert \(gateway.certificate) \(arguments) "
                + "'https://localhost:\(gateway.port)\(path)' || echo \"curl: $?\"")
    }

    @Test func onlyWhatIsForTheOutsideIsReached() async throws {
        try await withGateway { gateway, shop, api in
            let status = "-o /dev/null -w '%{http_code} %{http_version}'"
            for path in ["/orders", "/sales?from=2026-01-01&to=2026-01-31", "/openapi.json", "/gateway/livez"] {
                #expect(try curl(gateway, shop, path, status) == "200 2", "\(path)")
            }
            for path in [
                "/", "/dashboard/app.js", "/dashboard/state", "/metrics", "/livez", "/readyz", "/attention", "/sagas",
                "/stock", "/orders/../metrics", "/orders/%2e%2e/metrics", "//metrics", "/%6detrics", "/gateway/problem",
            ] {
                #expect(try curl(gateway, shop, path, status) == "404 2", "\(path)")
                let answer = try curl(gateway, shop, path, "-i").lowercased()
                #expect(answer.contains("content-type: application/problem+json"), "\(path)")
                for field in ["strict-transport-security: ", "x-content-type-options: nosniff", "x-request-id: "] {
                    #expect(answer.contains("\n" + field), "\(path) \(field)")
                }
            }
            for (version, code) in [("--tlsv1.2 --tls-max 1.2", "200"), ("--tlsv1.3", "200"), ("--tls-max 1.1", "000")]
            {
                let answer = try curl(gateway, shop, "/gateway/livez", "\(version) -o /dev/null -w '%{http_code}'")
                #expect(answer.hasPrefix(code), "\(version): \(answer)")
            }
            // As large as orderflow takes, and no larger.
            let large = try curl(
                gateway, shop, "/orders",
                "-i -H 'Content-Type: application/json' -d \"$(head -c 70000 /dev/zero | tr '\\0' a)\"")
            #expect(large.contains(" 413") && large.contains("Content Too Large"))

            // What only orderflow may say isn't believed.
            let posted = try await gateway.client.post(
                "/orders", ShopClient.simpleOrder,
                headers: ["X-Tenant-Id": "globex", "X-Actor": "mallory", "X-Correlation-Id": "c-1"])
            #expect(posted.status == 201)
            let order = try #require(try posted.json()["order"] as? [String: any Sendable])
            let id = try #require(order["orderId"] as? String)
            let history = try await api.client.get("/orders/\(id)/events").text
            #expect(history.contains("\"tenant\":\"default\"") && !history.contains("mallory"))
            #expect(history.contains("\"correlationId\":\"c-1\""))
            // A page elsewhere.
            let foreign = try await gateway.client.post(
                "/orders/\(id)/cancel", "", headers: ["Origin": "https://evil.example"])
            #expect(foreign.status == 403)
            // Each event as it comes, and a wait.
            let first = try shop.shell(
                """
                exec 3< <(exec curl -sN --cacert \(gateway.certificate) \
                https://localhost:\(gateway.port)/orders/\(id)/stream)
                while read -r -t 20 line <&3; do case $line in data:*) echo "$line"; break;; esac; done
                kill $!
                """)
            #expect(first.contains(id))
            let waited = try await gateway.client.get("/orders/\(id)?minVersion=1", headers: ["Prefer": "wait=10"])
            #expect(waited.status == 200)
        }
    }

    // MARK: Older systems

    @Test func olderPathsAreServedOneAfterTheOther() async throws {
        let old = HTTPServer(
            HTTPServerConfiguration(host: "127.0.0.1", port: 0),
            router: Router(
                RouteGroup { Endpoint(.get, "/catalogue") { _, responder in responder.send(.text(.ok, "legacy")) } }))
        let port = Int(try old.start()[0].port)
        try await withGateway(legacy: port) { gateway, _, api in
            let client = gateway.client
            // Still the older system's.
            #expect(try await client.get("/catalogue").text == "legacy")

            let small = try await client.post("/order", #"{"product":"ABC","quantity":2}"#)
            #expect(small.status == 201)
            let answer = try small.json()
            #expect(answer["product"] as? String == "ABC" && answer["quantity"] as? Int == 2)
            let smallID = try #require(answer["order_id"] as? String)
            try await eventually("the order is there") { try await api.client.view(smallID) != nil }

            let user = try await client.post(
                "/system-api/users", #"{"user_id":"zoe","name":"Zoe","email":"zoe@example.com"}"#)
            #expect(user.status == 201)
            #expect(try user.json()["user_id"] as? String == "zoe")
            let account = try await client.post(
                "/system-api/accounts", #"{"user_id":"zoe","shipping_address":"1 Main St, Springfield"}"#)
            #expect(account.status == 201)
            #expect(try account.json()["shipping_address"] as? String == "1 Main St, Springfield")

            let wish = #"{"user_id":"zoe","items":[{"product_id":"ABC","quantity":1}],"total":12.34}"#
            let orders = try await (0..<2).asyncMap { _ in
                try await client.post("/order-service/orders", wish, headers: ["Idempotency-Key": "\"one\""])
            }
            #expect(orders.map(\.status) == [201, 201])
            #expect(orders.map { $0.header("Idempotency-Replayed") } == [nil, "true"])
            // Sent twice, taken once.
            let ids = try orders.map { try $0.json()["order_id"] as? String }
            #expect(ids[0] == ids[1])
            let id = try #require(ids[0])

            let date = Calendar(identifier: .gregorian).dateComponents(in: .gmt, from: Date())
            let query = "user_id=zoe&month=\(date.month ?? 0)&year=\(date.year ?? 0)"
            try await eventually(within: .seconds(60), "the order is on the invoice") {
                let invoice = try await client.get("/invoice-service/invoices?\(query)")
                guard invoice.status == 200 else { return false }
                let orders = try invoice.json()["orders"] as? [[String: any Sendable]] ?? []
                return orders.map { $0["order_id"] as? String } == [id]
            }
            let invoice = try await client.get("/invoice-service/invoices?\(query)").json()
            #expect((invoice["invoice_id"] as? String)?.hasPrefix("zoe-") == true)
            #expect(invoice["email"] as? String == "zoe@example.com")
            #expect(invoice["shipping_address"] as? String == "1 Main St, Springfield")
            #expect((invoice["invoice_dt"] as? String)?.hasSuffix("-01") == true)
            #expect(invoice["total"] as? Double == 12.34)

            // What is wrong is said as orderflow says it.
            for (path, body, status) in [
                ("/order", "[]", 400), ("/order", "{", 400), ("/order", "{}", 422), ("/order", "null", 400),
                ("/order-service/orders", #"{"user_id":"zoe","items":7,"total":1}"#, 422),
                ("/order-service/orders", #"{"user_id":"zoe","items":[null],"total":1}"#, 400),
                ("/system-api/users", #"{"name":"Zoe"}"#, 422),
                ("/system-api/accounts", #"{"user_id":"nobody","shipping_address":"x"}"#, 422),
            ] {
                let answer = try await client.post(path, body)
                #expect(answer.status == status, "\(path) \(body)")
                #expect(answer.header("Content-Type") == "application/problem+json", "\(path) \(body)")
            }
            #expect(try await client.get("/order").status == 405)
            #expect(try await client.get("/invoice-service/invoices?user_id=zoe").status == 400)
            #expect(try await client.get("/invoice-service/invoices?user_id=nobody&month=1&year=2026").status == 404)
        }
        await old.stop(deadline: .zero)
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
