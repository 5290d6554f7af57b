import Execution
import HTTPServer
import JSON
import Orders
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

/// Who may see its own orders alone sees another's as little as one that isn't there.
@Suite(.blocking, .servers) struct OwnOrdersTests {
    /// Believes what a request says of its caller.
    private struct NamedCaller: AccessGate {
        let seen = Monitor<[Principal]>([])

        func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
            let principal = Principal(
                .token, subject: request.header("Test-Subject") ?? "", tenant: "default",
                rights: Rights(scopes: (request.header("Test-Scopes") ?? "").split(separator: " ")))
            guard need.isMet(by: principal) else { throw AccessRefusal.missing(need.right) }
            seen.update { $0.append(principal) }
            return principal
        }
    }

    private static func caller(_ subject: String, _ scopes: String = "orders:read:own") -> [String: String] {
        ["Test-Subject": subject, "Test-Scopes": scopes]
    }

    /// The same answer but for the id that was asked for.
    private static func text(_ answer: WireClient.Answer, without id: String) -> String {
        let head = answer.head.split(separator: "\r\n").filter { !$0.hasPrefix("Date:") }.joined(separator: "\n")
        return "\(head)\n\n\(answer.body)".replacing(id, with: "ID")
    }

    @Test func anothersOrderIsAsGoodAsNone() async throws {
        try await ReadSide.run(gate: NamedCaller()) { side in
            try side.project([created("o-bob-1", by: "bob"), confirmed("o-bob-1", by: "bob"), created("o-ali-1")])
            let alice = Self.caller("alice")
            #expect(try side.get("/orders/o-ali-1", alice).status == 200)
            #expect(try side.get("/orders/o-bob-1", Self.caller("bob")).status == 200)
            #expect(try side.get("/orders/o-bob-1", Self.caller("alice", "orders:read")).status == 200)
            let questions: [(path: String, headers: [String: String])] = [
                ("", [:]), ("?at=2030-01-01T00:00:00Z", [:]), ("?minVersion=9", [:]), ("", ["If-None-Match": "*"]),
                ("", ["If-Match": "\"1\""]), ("", ["Prefer": "wait=1"]), ("?minVersion=2", ["Prefer": "wait=1"]),
                ("?at=1970-01-01T00:00:00Z", [:]),
            ]
            for (query, headers) in questions {
                let headers = headers.merging(alice) { $1 }
                let foreign = try side.get("/orders/o-bob-1\(query)", headers)
                let absent = try side.get("/orders/o-non-1\(query)", headers)
                #expect(foreign.status == 404, "\(query) \(headers)")
                #expect(
                    Self.text(foreign, without: "o-bob-1") == Self.text(absent, without: "o-non-1"),
                    "\(query) \(headers)")
            }
        }
    }

    @Test func listsHaveTheCallersOrdersOnly() async throws {
        try await ReadSide.run(gate: NamedCaller()) { side in
            // U+212A is a K to Unicode's equivalence, and another user.
            let users = ["alice", "bob", "Alice", "K", "\u{212A}"]
            try side.project(users.enumerated().map { created("o-\($0)", by: $1, at: 1_000_000 + Int64($0)) })
            func orders(_ path: String, _ caller: [String: String]) throws -> [String]? {
                try JSONValue(parsing: side.get(path, caller).body)["orders"]?.array?.compactMap {
                    $0["orderId"]?.string
                }
            }
            for path in ["/orders", "/orders?userId=alice", "/orders?limit=1", "/orders?status=pending"] {
                #expect(try orders(path, Self.caller("alice")) == ["o-0"], "\(path)")
            }
            #expect(try orders("/orders", Self.caller("K")) == ["o-3"])
            #expect(try orders("/orders", Self.caller("nobody")) == [])
            #expect(try orders("/orders", Self.caller("alice", "orders:read"))?.count == users.count)
            for other in ["bob", "Alice", "", "alice%20"] {
                let answer = try side.get("/orders?userId=\(other)", Self.caller("alice"))
                #expect(answer.status == 403, "\(other)")
                #expect(answer.body.contains("orders:read:own"))
                #expect(answer.header("WWW-Authenticate")?.contains("scope=\"orders:read\"") == true)
            }
            #expect(try side.get("/orders?userId=%E2%84%AA", Self.caller("K")).status == 403)
            // A cursor is a place, and gives nothing away.
            let first = try JSONValue(parsing: side.get("/orders?limit=1", Self.caller("bob", "orders:read")).body)
            let cursor = try #require(first["nextCursor"]?.string)
            #expect(try orders("/orders?cursor=\(cursor)", Self.caller("bob")) == ["o-1"])
        }
    }

    /// A customer waits for an order that isn't there as long as for another's, and hears nothing of either.
    @Test func streamsAndWaitsTellNothingOfAnothers() async throws {
        try await ReadSide.run(gate: NamedCaller()) { side in
            try side.project([created("o-bob-1", by: "bob")])
            let waiting = try side.client()
            try waiting.get("/orders/o-bob-1", Self.caller("alice").merging(["Prefer": "wait=2"]) { $1 })
            let streaming = try side.client()
            try streaming.get("/orders/o-bob-1/stream", Self.caller("alice"))
            let own = try side.client()
            try own.get("/orders/o-ali-1/stream", Self.caller("alice"))
            try eventually("all three wait") { side.watch.census.waits == 3 }
            try side.project([confirmed("o-bob-1", by: "bob"), created("o-ali-1")])
            #expect(try own.receive(until: "\r\n\r\n").contains(" 200 "))
            #expect(try own.receive(until: "\n\n").contains("o-ali-1"))
            // Both would wait for their whole time.
            #expect(side.watch.census.waits == 2)
            side.draining.update { $0 = true }
            #expect(try waiting.answer().status == 404)
            #expect(try streaming.answer().status == 404)
        }
    }

    @Test func aStreamEndsWithItsCallersCredential() async throws {
        let gate = NamedCaller()
        try await ReadSide.run(gate: gate) { side in
            try side.project([created("o-ali-1")])
            let client = try side.client()
            try client.get("/orders/o-ali-1/stream", Self.caller("alice"))
            #expect(try client.receive(until: "\n\n").contains("o-ali-1"))
            #expect(side.watch.census.streams == 1)
            gate.seen.withLock { for principal in $0 { principal.revoke() } }
            try side.project([confirmed("o-ali-1")])
            #expect(throws: WireClient.Failure.self, "closed without another word") {
                try client.receive(until: "confirmed")
            }
            #expect(side.watch.census.streams == 0)
        }
    }

    @Test func reportsAreNotForCustomers() async throws {
        try await ReadSide.run(gate: NamedCaller()) { side throws in
            for path in ["/invoices?user_id=alice&year=2026&month=1", "/customers/alice", "/customers", "/sales"] {
                #expect(try side.get(path, Self.caller("alice", "orders:read:own orders:write:own")).status == 403)
            }
        }
    }
}
