import HTTPServer
import TestServers
import Testing

@testable import OrderflowKit

@Suite(.blocking) struct RequestContextTests {
    /// A proxy may have checked the other one.
    @Test func aHeaderThatComesTwiceIsRefused() async throws {
        let router = Router([
            Routes(needing: .open) {
                Get("/tenant") { _, context in
                    .json(.ok, Array("\"\(context.tenant) \(context.traceparent ?? "-")\"".utf8))
                }
            }
        ])
        let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router, logger: quiet)
        let client = try WireClient(port: try server.start()[0].port)
        func ask(_ headers: [String: String]) throws -> (Int, String) {
            try client.get("/tenant", headers)
            let answer = try client.answer()
            return (answer.status, answer.body)
        }
        #expect(try ask(["X-Tenant-Id": "a"]) == (200, "\"a -\""))
        #expect(try ask(["X-Tenant-Id": "Acme_1.b-2"]).0 == 200)
        for tenant in ["", "a b", "a/b", "a:b", "é", String(repeating: "a", count: 65)] {
            #expect(try ask(["X-Tenant-Id": tenant]).0 == 400, "\(tenant)")
        }
        for name in ["X-Tenant-Id", "X-Correlation-Id", "X-Actor"] {
            #expect(try ask([name: "a", name.lowercased(): "a"]).0 == 400)
        }
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        #expect(try ask(["traceparent": trace]) == (200, "\"default \(trace)\""))
        #expect(try ask(["traceparent": trace, "Traceparent": trace]) == (200, "\"default -\""))
        await server.stop(deadline: .zero)
    }
}
