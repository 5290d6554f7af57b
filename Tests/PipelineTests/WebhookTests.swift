import Execution
import Foundation
import HTTPServer
import Hashing
import JSON
import Logging
import OrderflowKit
import TestServers
import TestShop
import Testing

/// A receiver of signed facts, while the role that posts them is killed.
@Suite(.serialized, .servers) struct WebhookTests {
    /// Keeps what it accepts; refuses every third post the first time.
    private final class Receiver: Sendable {
        struct Post: Sendable {
            let id: String
            let order: String
            let type: String
            let isReplay: Bool
        }

        private struct State {
            var posts: [Post] = []
            var refused: Set<String> = []
            var count = 0
            var unsigned = 0
            var secret: WebhookSecret?
        }

        private let state = Monitor(State())

        var posts: [Post] { state.withLock { $0.posts } }
        var unsigned: Int { state.withLock { $0.unsigned } }

        func know(_ secret: WebhookSecret?) { state.withLock { $0.secret = secret } }

        func take(_ request: borrowing HTTPRequest) throws -> HTTPResponse {
            let body = Array(request.body)
            let id = try request.onlyHeader("webhook-id") ?? ""
            let time = try request.onlyHeader("webhook-timestamp").flatMap { Int64($0) } ?? 0
            let signature = try request.onlyHeader("webhook-signature")
            let isReplay = try request.onlyHeader("webhook-replay") == "true"
            let event = try JSONValue(parsing: body)
            return state.withLock { state in
                state.count += 1
                let isSigned = state.secret.map {
                    WebhookSignature.value(id: id, timestamp: time, body: body, secrets: [$0]) == signature
                }
                if isSigned != true { state.unsigned += 1 }
                if state.count % 3 == 0, state.refused.insert(id).inserted {
                    return HTTPResponse(.internalServerError)
                }
                state.posts.append(
                    Post(
                        id: id, order: event["subject"]?.string ?? "", type: event["type"]?.string ?? "",
                        isReplay: isReplay))
                return HTTPResponse(.noContent)
            }
        }
    }

    /// Every fact of every order comes once or more, in order, whatever is killed; a replay brings them again.
    @Test func aKilledRoleLosesNothingAndKeepsTheOrder() async throws {
        let receiver = Receiver()
        var logger = Logger(label: "receiver")
        logger.logLevel = .critical
        let server = HTTPServer(
            HTTPServerConfiguration(host: "127.0.0.1", port: 0),
            router: Router([Routes(needing: .open) { Post("/hook") { try receiver.take($0) } }]), logger: logger)
        let port = try server.start()[0].port
        let shop = try Shop(settings: [
            "ORDERFLOW_WEBHOOKS_ALLOW_NETWORKS": "127.0.0.0/8", "ORDERFLOW_WEBHOOKS_ALLOW_HTTP": "on",
            "ORDERFLOW_WEBHOOKS_RETRY_BASE": "50ms",
        ])
        let api = try shop.daemon("api")
        let role = try shop.daemon("webhooks")
        try api.start()
        try role.start()
        try await api.waitUntilReady()
        try await role.waitUntilReady()

        let types = #"["OrderCreated","OrderCancel*"]"#
        let inside = try await role.client.post("/webhooks", #"{"url":"http://10.0.0.1/","types":\#(types)}"#)
        #expect(inside.status == 422 && inside.text.contains("/url"), "\(inside.text)")
        let answer = try await role.client.post(
            "/webhooks", #"{"url":"http://127.0.0.1:\#(port)/hook","types":\#(types)}"#)
        #expect(answer.status == 201, "\(answer.text)")
        let id = try #require(try answer.json()["id"] as? String)
        receiver.know((try answer.json()["secret"] as? String).flatMap { WebhookSecret(text: $0) })

        var orders: [String] = []
        for kill in [false, true] {
            for _ in 0..<15 {
                let order = try await api.client.order()
                orders.append(order)
                let cancelled = try await api.client.post("/orders/\(order)/cancel")
                #expect(cancelled.status == 202, "\(cancelled.text)")
                // In the middle of what it has to post.
                if kill, orders.count % 15 == 8 { try role.kill() }
            }
            if kill {
                try role.start()
                try await role.waitUntilReady()
            }
        }
        func isComplete(_ posts: [Receiver.Post]) -> Bool {
            let told = Dictionary(grouping: posts, by: \.order).mapValues { Set($0.map(\.type)) }
            return orders.allSatisfy { told[$0] == ["OrderCreated", "OrderCancellationRequested"] }
        }
        try eventually(within: .seconds(60), "all facts are there") { isComplete(receiver.posts) }
        // By what comes first of each; copies don't count.
        var seen: Set<String> = []
        var order: [String: [String]] = [:]
        for post in receiver.posts where seen.insert(post.id).inserted {
            order[post.order, default: []].append(post.type)
        }
        for id in orders { #expect(order[id] == ["OrderCreated", "OrderCancellationRequested"], "\(id)") }
        #expect(receiver.unsigned == 0 && seen.count == 2 * orders.count)

        func allAreNoted() async throws {
            try await eventually("all acceptances are noted") {
                let list = try await role.client.get("/webhooks/\(id)/deliveries?state=delivered&limit=500")
                return (try list.json()["deliveries"] as? [any Sendable])?.count == 2 * orders.count
            }
        }
        // One that isn't is under way, and no replay queues it again.
        try await allAreNoted()
        let live = receiver.posts.count
        let replay = try await role.client.post("/webhooks/\(id)/replay?from=0")
        #expect(replay.status == 202, "\(replay.text)")
        try eventually(within: .seconds(60), "all facts come again") {
            isComplete(Array(receiver.posts.dropFirst(live)).filter(\.isReplay))
        }
        #expect(Set(receiver.posts.map(\.id)) == seen)
        try await allAreNoted()
        let other = try await role.client.get("/webhooks/\(id)", headers: ["X-Tenant-Id": "acme"])
        #expect(other.status == 404)
        #expect(try role.terminate() == 0)
        await server.stop(deadline: .zero)
    }
}
