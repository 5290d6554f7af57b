import Execution
import HTTPServer
import JSON
import Postgres
import TestServers
import Testing

@testable import Operations
@testable import OrderflowKit
@testable import Shipping

@Suite(.blocking, .servers) struct DashboardRoutesTests {
    /// A dashboard on a port, over the sagas' database, that asks nobody but its own process.
    private func run(
        streams: Int = 4, _ body: @escaping @Sendable (_ port: UInt16, _ dashboard: Dashboard) throws -> Void
    ) async throws {
        let pool = ConnectionPool(
            try freshDatabase(ServiceDatabase.shipping.migrations), size: 1, name: "attention", logger: quiet)
        let health = HealthRegistry()
        let attention = AttentionRoute(
            AttentionDocument(process: "p", role: "shipping", service: "shipping"), database: pool)
        var configuration = Dashboard.Configuration(roles: [])
        configuration.streamLimit = streams
        let dashboard = Dashboard(
            configuration, role: "shipping", health: health, metrics: { Array("orderflow_ready 1\n".utf8) },
            attention: attention)
        let router = Router(
            DashboardRoutes(
                dashboard, sessions: DashboardSessions(lifetime: .seconds(60)), logger: quiet
            ).routes + [attention.routes])
        try await serving(router, with: dashboard.parts, toBlocking: { try body($0, dashboard) })
    }

    private func get(_ port: UInt16, _ path: String, _ headers: [String: String] = [:]) throws -> WireClient.Answer {
        let client = try WireClient(port: port)
        try client.get(path, headers)
        return try client.answer()
    }

    @Test func everyFileIsServedWithItsTypeAndNothingElseIsAllowed() async throws {
        try await run { port, _ in
            let local = ["Host": "localhost"]
            let page = try get(port, "/", local)
            #expect(page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8")
            // Every file that the page and the scripts name.
            var names = Set(page.body.matches(of: /\/dashboard\/([a-z.]+)/).map { String($0.output.1) })
            var seen: Set<String> = []
            while let name = names.subtracting(seen).first {
                seen.insert(name)
                let file = try get(port, "/dashboard/\(name)", local)
                #expect(file.status == 200, "\(name)")
                let type = ["js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"][
                    name.split(separator: ".")[1]]
                #expect(file.header("Content-Type")?.hasPrefix(type ?? "?") == true, "\(name)")
                names.formUnion(file.body.matches(of: /from "\.\/([a-z.]+)"/).map { String($0.output.1) })
                for answer in [page, file] {
                    let policy = try #require(answer.header("Content-Security-Policy"))
                    #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
                    #expect(!policy.contains("unsafe") && !policy.contains("http"))
                    #expect(answer.header("X-Content-Type-Options") == "nosniff")
                    #expect(answer.header("Referrer-Policy") == "no-referrer")
                }
                // What the policy forbids isn't there: markup from text, code from text, other sites.
                for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
                    #expect(!file.body.contains(word), "\(name): \(word)")
                }
                let outside = file.body.matches(of: /https?:\/\/[a-z0-9.]+/).map { String($0.output) }
                #expect(Set(outside).isSubset(of: ["http://www.w3.org"]), "\(name)")
            }
            #expect(seen.count == 10)
            #expect(try #require(page.body.firstMatch(of: /<script[^>]*>/)).output.contains("src="))
            #expect(!page.body.contains("style=") && !page.body.contains("<style"))

            let tag = try #require(page.header("ETag"))
            #expect(try get(port, "/", local.merging(["If-None-Match": tag]) { $1 }).status == 304)
            #expect(try get(port, "/dashboard/none.js", local).status == 404)
        }
    }

    @Test func whoWatchesIsToldThePastAndThenThePresent() async throws {
        try await run(streams: 1) { port, dashboard in
            let client = try WireClient(port: port)
            try client.get("/dashboard/stream", ["Host": "localhost"])
            #expect(try client.receive(until: "\r\n\r\n").contains("text/event-stream"))
            func event() throws -> (name: String, data: JSONValue) {
                let lines = try client.receive(until: "\n\n").split(separator: "\n").map(String.init)
                let data = try #require(lines.first { $0.hasPrefix("data: ") })
                return (String(lines[0].dropFirst(7)), try JSONValue(parsing: String(data.dropFirst(6))))
            }
            let first = try event()
            #expect(first.name == "history" && first.data["points"]?.array != nil)
            let second = try event()
            #expect(second.name == "state" && second.data["verdict"] == "well")
            #expect(second.data["roles"]?[0]?["role"] == "shipping" && second.data["roles"]?[0]?["state"] == "ready")
            #expect(second.data["letters"]?.array == [])

            // One place, and it is taken.
            let refused = try get(port, "/dashboard/stream", ["Host": "localhost"])
            #expect(refused.status == 503 && refused.header("Retry-After") != nil)
            let state = try get(port, "/dashboard/state", ["Host": "localhost"])
            #expect(state.status == 200)
            #expect(try JSONValue(parsing: state.body)["verdict"] == "well")
            #expect(dashboard.viewers == 1)
        }
    }

    @Test func aPlaceIsFreeWhenItsViewerHasGone() async throws {
        try await run(streams: 1) { port, dashboard in
            var client: WireClient? = try WireClient(port: port)
            try client?.get("/dashboard/stream", ["Host": "localhost"])
            _ = try client?.receive(until: "\n\n")
            #expect(dashboard.viewers == 1)
            client = nil
            try eventually("the viewer has gone") { dashboard.viewers == 0 }
            let next = try WireClient(port: port)
            try next.get("/dashboard/stream", ["Host": "localhost"])
            #expect(try next.receive(until: "\n\n").contains("text/event-stream"))
        }
    }
}
