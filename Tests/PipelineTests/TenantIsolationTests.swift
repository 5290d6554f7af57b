import Foundation
import Randomness
import Execution
import TestServers
import TestShop
import Testing

/// Requests of many tenants at once, who all have a customer of one name and carts of one number: no answer has anything
/// of another tenant's. ORDERFLOW_TEST_TENANT_REQUESTS says how many.
@Suite(.serialized, .servers, .sharedShop) struct TenantIsolationTests {
    private static let requests =
        ProcessInfo.processInfo.environment["ORDERFLOW_TEST_TENANT_REQUESTS"].flatMap { Int($0) } ?? 5_000
    private static let carts = 2
    private static let clients = 12

    /// A tenant marks whatever it says in its own name, such as `of-t07.`.
    private struct Tenant: Sendable {
        let index: Int
        let client: ShopClient
        let inventory: ShopClient
        /// By number of the cart.
        var orders: [String] = []

        init(_ index: Int, _ up: Daemon) {
            self.index = index
            let name = "isolated-" + Self.number(index)
            client = ShopClient(port: up.port, tenant: name)
            inventory = ShopClient(port: up.port + 6, tenant: name)
        }

        private static func number(_ index: Int) -> String { (index < 10 ? "0" : "") + String(index) }

        var mark: String { "of-t\(Self.number(index))." }

        func order(_ cart: Int) async throws -> String {
            try await client.order(
                #"{"userId":"alice","items":[{"sku":"cup-\#(mark)","qty":1}],"total":\#(index + 1),"#
                    + #""shippingAddress":"\#(mark)"}"#, key: "cart-\(cart)")
        }

        /// What an answer has of others.
        func foreign(in text: String) -> [String] {
            text.matches(of: /of-t[0-9]{2}\./).map { String($0.output) }.filter { $0 != mark }
        }
    }

    /// What is asked, and by how the answer has to be told.
    private struct Question {
        let path: String
        let status: Int
        /// Whether the answer has to show something of the tenant's own.
        var isOwn = false
    }

    @Test(arguments: [20]) func noAnswerHasARowOfAnother(count: Int) async throws {
        let running = try #require(SharedShop.current)
        var tenants = (0..<count).map { Tenant($0, running.up) }
        for index in tenants.indices {
            for cart in 0..<Self.carts { tenants[index].orders.append(try await tenants[index].order(cart)) }
            let sku = "plate-\(tenants[index].mark)"
            let inventory = tenants[index].inventory
            // The shop is ready when the API is, inventory maybe a moment later.
            try await eventually("its stock is set") {
                (try? await inventory.post("/stock", #"{"sku":"\#(sku)","quantity":7}"#))?.status == 200
            }
        }
        #expect(Set(tenants.flatMap(\.orders)).count == count * Self.carts)
        for tenant in tenants {
            try await eventually(within: .seconds(60), "all its orders are in the reports") {
                let invoice = try await tenant.client.get(Self.invoice)
                let customer = try await tenant.client.get("/customers/alice")
                return invoice.text.ranges(of: tenant.mark).count >= Self.carts
                    && customer.text.contains(#""orders":\#(Self.carts)"#)
            }
        }
        let everybody = tenants
        let seed = SeededGenerator.fromEnvironment().seed
        let failures = Monitor<[String]>([])
        let asked = Monitor(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<Self.clients {
                group.addTask {
                    var generator = SeededGenerator(seed: seed &+ UInt64(client))
                    for _ in 0..<max(1, Self.requests / Self.clients) {
                        let tenant = everybody.randomElement(using: &generator) ?? everybody[0]
                        let problem = try await Self.ask(tenant, everybody, &generator)
                        asked.withLock { $0 += 1 }
                        if let problem { failures.withLock { $0.append(problem) } }
                    }
                }
            }
            group.addTask {
                for problem in try Self.watch(Array(everybody.prefix(10)), running.shop) {
                    failures.withLock { $0.append(problem) }
                }
            }
            try await group.waitForAll()
        }
        #expect(failures.withLock { $0 } == [], "seed \(seed)")
        #expect(asked.withLock { $0 } >= min(Self.requests, Self.clients))
    }

    private static let today = Calendar(identifier: .gregorian).dateComponents(
        in: .gmt, from: Date())
    private static let invoice = "/invoices?user_id=alice&year=\(today.year ?? 0)&month=\(today.month ?? 0)"
    private static let sales = "/sales?from=\(today.year ?? 0)-01-01&to=\(today.year ?? 0)-12-31"

    /// Sends one request and returns what is wrong with its answer.
    private static func ask(
        _ tenant: Tenant, _ everybody: [Tenant], _ generator: inout SeededGenerator
    ) async throws -> String? {
        let others = everybody.filter { $0.index != tenant.index }
        let theirs = others.randomElement(using: &generator)?.orders.randomElement(using: &generator) ?? ""
        let own = tenant.orders.randomElement(using: &generator) ?? ""
        switch Int.random(in: 0..<20, using: &generator) {
        case 0:
            // The cart's number is everybody's, the order is its own, and it is there already.
            let cart = Int.random(in: 0..<carts, using: &generator)
            let id = try await tenant.order(cart)
            return id == tenant.orders[cart] ? nil : "\(tenant.mark) cart \(cart) is \(id)"
        case 1:
            let answer = try await tenant.client.post("/orders/\(theirs)/cancel")
            return answer.status == 404 ? nil : "\(tenant.mark) cancels \(theirs): \(answer.status)"
        case 2:
            let answer = try await tenant.inventory.get("/stock?limit=1000")
            return judge(answer, Question(path: "/stock", status: 200, isOwn: true), tenant)
        case 3:
            // Waits, and for a moment only: nothing will come.
            let answer = try await tenant.client.get("/orders/\(theirs)", headers: ["Prefer": "wait=1"])
            return judge(answer, Question(path: "/orders/\(theirs), waiting", status: 404), tenant)
        case 4:
            let answer = try await tenant.client.get("/orders/\(own)", headers: ["Prefer": "wait=5"])
            return judge(answer, Question(path: "/orders/\(own), waiting", status: 200, isOwn: true), tenant)
        default: break
        }
        let questions = [
            Question(path: "/orders", status: 200, isOwn: true),
            Question(path: "/orders?limit=200&userId=alice", status: 200, isOwn: true),
            Question(path: "/orders/\(own)", status: 200, isOwn: true),
            Question(path: "/orders/\(theirs)", status: 404),
            Question(path: "/orders/\(own)/events", status: 200, isOwn: true),
            Question(path: "/orders/\(theirs)/events", status: 404),
            Question(path: "/orders/\(theirs)/saga", status: 404), Question(path: "/orders/\(own)/saga", status: 200),
            Question(path: invoice, status: 200, isOwn: true), Question(path: "/customers/alice", status: 200),
            Question(path: "/customers?user_id=alice", status: 200), Question(path: sales, status: 200),
        ]
        let question = questions.randomElement(using: &generator) ?? questions[0]
        let answer = try await tenant.client.get(question.path)
        if question.path.hasPrefix("/customers"), !answer.text.contains(#""orders":\#(carts)"#) {
            return "\(tenant.mark) \(question.path): \(answer.text)"
        }
        return judge(answer, question, tenant)
    }

    private static func judge(_ answer: ShopClient.Answer, _ question: Question, _ tenant: Tenant) -> String? {
        let foreign = tenant.foreign(in: answer.text)
        if answer.status == question.status, foreign.isEmpty, !question.isOwn || answer.text.contains(tenant.mark) {
            return nil
        }
        return "\(tenant.mark) \(question.path): \(answer.status) \(foreign) \(answer.text.prefix(300))"
    }

    /// Open streams of each tenant's own order and of another's, which is none of its own for as long as it waits.
    private static func watch(_ tenants: [Tenant], _ shop: Shop) throws -> [String] {
        let script = zip(tenants, tenants.dropFirst() + tenants.prefix(1)).map { tenant, other in
            ["own": tenant.orders[0], "other": other.orders[0]].map { name, id in
                "curl -sN --max-time 4 -H 'X-Tenant-Id: \(tenant.client.tenant ?? "")' "
                    + "\(tenant.client.base)/orders/\(id)/stream > $d/\(tenant.index)-\(name) &\n"
            }.joined()
        }.joined()
        let printed = try shop.shell(
            "d=$(mktemp -d)\n\(script)wait; cd $d; for f in *; do echo \"###$f\"; cat $f; done; rm -rf $d")
        let parts = printed.split(separator: "###").map { $0.split(separator: "\n", maxSplits: 1) }
        var problems = parts.count == tenants.count * 2 ? [] : ["\(parts.count) streams"]
        for part in parts {
            let tenant = tenants[Int(part[0].prefix { $0.isNumber }) ?? 0]
            let text = part.count > 1 ? String(part[1]) : ""
            let isOwn = part[0].hasSuffix("own")
            if !tenant.foreign(in: text).isEmpty || text.contains(tenant.mark) != isOwn {
                problems.append("\(tenant.mark) stream \(part[0]): \(text.prefix(300))")
            }
        }
        return problems
    }
}
