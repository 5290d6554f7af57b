import Execution
import Foundation
import OrderflowKit
import Randomness
import TestServers
import Testing

@testable import OrderAPI

/// `POST /orders/batch` over a database of its own: what is stored and what is answered.
@Suite(.blocking, .servers) struct BatchIntakeTests {
    private static func order(_ number: Int, user: String = "u") -> String {
        #"{"userId":"\#(user)","items":[{"sku":"A-\#(number)","qty":1}],"total":\#(number).5}"#
    }

    /// Everything that may be wrong with a line, with the status that it is answered.
    private static let bad: [(String, Int, String?)] = [
        ("@nonsense", 400, ""), (#"{"userId":"u""#, 400, nil), ("17", 422, ""),
        (#"{"items":[{"sku":"A","qty":1}],"total":1}"#, 422, "/userId"),
        (#"{"userId":"u","items":[{"sku":"A","qty":0}],"total":1}"#, 422, "/items/0/qty"),
        (#"{"userId":"u","items":[],"total":1}"#, 422, "/items"),
        (#"{"userId":"u","items":[{"sku":"A","qty":1}],"total":"x"}"#, 422, "/total"),
        (#"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"total":2}"#, 400, nil),
        (#"{"userId":"\#(String(repeating: "x", count: 70_000))"}"#, 413, nil),
    ]

    private static func post(
        _ client: WireClient, _ lines: [String], key: String? = nil, isArray: Bool = false, policy: String? = nil
    ) throws -> WireClient.Answer {
        let body = isArray ? "[" + lines.joined(separator: ",") + "]" : lines.map { $0 + "\n" }.joined()
        try client.send(
            raw: head(body.utf8.count, key: key, isArray: isArray, policy: policy) + body)
        return try client.answer()
    }

    private static func head(_ length: Int, key: String?, isArray: Bool = false, policy: String? = nil) -> String {
        "POST /orders/batch\(policy.map { "?policy=\($0)" } ?? "") HTTP/1.1\r\nHost: test\r\n"
            + (key.map { "Idempotency-Key: \"\($0)\"\r\n" } ?? "")
            + "Content-Type: \(isArray ? "application/json" : "application/x-ndjson")\r\nContent-Length: \(length)\r\n\r\n"
    }

    /// A line of an answer.
    struct Line {
        let json: [String: Any]
        var number: Int? { json["line"] as? Int }
        var status: Int? { json["status"] as? Int }
        var orderID: String? { json["orderId"] as? String }
        var isReplayed: Bool { json["replayed"] as? Bool ?? false }
        var pointer: String? { (json["errors"] as? [[String: Any]])?.first?["pointer"] as? String }
    }

    private static func lines(_ answer: WireClient.Answer) throws -> [Line] {
        try answer.body.split(separator: "\n").map {
            Line(json: try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]))
        }
    }

    @Test func eachLineIsAnsweredForItself() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            var random = SeededGenerator.fromEnvironment()
            // Of each kind one, and good ones in between.
            var sent = (1...60).map { (Self.order($0), 201, String?.none) }
            for bad in Self.bad { sent.insert(bad, at: Int.random(in: 0...sent.count, using: &random)) }
            // No line break in an element would break the comparison; an array is broken by a bracket that isn't closed.
            var answers: [[Line]] = []
            for isArray in [false, true] {
                let usable = sent.map { isArray && $0.0 == #"{"userId":"u""# ? ("null", 422, "") : $0 }
                let answer = try Self.post(client, usable.map(\.0), isArray: isArray)
                #expect(answer.status == 200 && answer.header("Content-Type") == "application/x-ndjson")
                let lines = try Self.lines(answer)
                #expect(lines.dropLast().map(\.number) == (1...sent.count).map(\.self))
                #expect(lines.dropLast().map(\.status) == usable.map(\.1))
                for (line, expected) in zip(lines, usable) {
                    if let pointer = expected.2 { #expect(line.pointer == pointer, "\(expected.0)") }
                    #expect((line.orderID != nil) == (expected.1 == 201))
                }
                let summary = try #require(lines.last?.json)
                #expect(summary["lines"] as? Int == sent.count && summary["accepted"] as? Int == 60)
                #expect(summary["refused"] as? Int == Self.bad.count)
                #expect(answer.header("Location") == "/batches/\(summary["batchId"] ?? "")")
                answers.append(lines)
            }
            #expect(Set(answers.joined().compactMap(\.orderID)).count == 120)
        }
        let connection = try side.connect()
        #expect(try connection.number("SELECT count(*) FROM events WHERE type = 'OrderCreated'") == 120)
        let sealed =
            "SELECT count(*) FROM batches WHERE sealed_at IS NOT NULL AND whole AND accepted = 60 AND refused = 9"
        #expect(try connection.number(sealed) == 2)
        #expect(
            try connection.number(
                """
                SELECT count(DISTINCT (metadata->>'batch', metadata->>'batchLine')) FROM events
                JOIN batches ON batch_id = metadata->>'batch' WHERE metadata->>'correlationId' = batch_id
                """) == 120)
        #expect(try connection.number("SELECT count(*) FROM batch_failures WHERE reason <> ''") == 18)
    }

    @Test func allAreStoredOrNone() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            let port = try client.peerPort()
            let good = (1...600).map { Self.order($0) }
            var sent = good
            sent[550] = Self.bad[4].0
            sent[3] = Self.bad[3].0
            let refused = try Self.post(client, sent, key: "all-1", policy: "all")
            #expect(refused.status == 422 && refused.header("Content-Type") == "application/problem+json")
            #expect(refused.body.contains(#"{"line":4,"status":422,"pointer":"/userId""#), "\(refused.body)")
            #expect(refused.body.contains(#"{"line":551,"status":422,"pointer":"/items/0/qty""#))
            #expect(try side.connect().number("SELECT count(*) FROM events") == 0)
            // Nothing of it was stored: the key is free for what was meant.
            let taken = try Self.lines(Self.post(client, good, key: "all-1", policy: "all"))
            #expect(taken.dropLast().map(\.number) == (1...600).map(\.self) && taken.allSatisfy { !$0.isReplayed })
            let again = try Self.lines(Self.post(client, good, key: "all-1", isArray: true, policy: "all"))
            #expect(again.map(\.orderID) == taken.map(\.orderID))
            #expect(again.dropLast().allSatisfy({ $0.isReplayed }))
            // Another order in a place that is taken, or one more, and none of it.
            sent = good
            sent[9] = Self.order(0)
            #expect(try Self.post(client, sent, key: "all-1", policy: "all").status == 422)
            #expect(try Self.post(client, good + [Self.order(0)], key: "all-1", policy: "all").status == 422)
            // What is refused before its body is read ends its connection.
            #expect(try Self.post(WireClient(port: port), good, key: "all-1", policy: "each").status == 422)
            #expect(try Self.post(WireClient(port: port), good, policy: "some").status == 400)
        }
        #expect(try side.connect().number("SELECT count(*) FROM events") == 600)
        #expect(try side.connect().number("SELECT count(*) FROM batches WHERE accepted = 600 AND whole") == 1)
    }

    @Test func aKeyStandsForTheBatchAndItsLines() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            var sent = (1...300).map { Self.order($0) }
            let first = try Self.lines(Self.post(client, sent, key: "k"))
            let again = try Self.lines(Self.post(client, sent, key: "k"))
            #expect(again.map(\.orderID) == first.map(\.orderID) && again.dropLast().allSatisfy { $0.isReplayed })
            #expect(again.last?.json["batchId"] as? String == first.last?.json["batchId"] as? String)
            // Line by line, as a single order under its key; and what was closed takes no more.
            sent[5] = Self.order(0)
            let other = try Self.lines(Self.post(client, sent + [Self.order(301)], key: "k"))
            #expect(other[5].status == 422 && other[300].status == 409)
            #expect(other.dropLast().enumerated().allSatisfy { $0 == 5 || $0 == 300 || $1.isReplayed })
            // The same lines under another key, and without one, are other orders.
            let others = try Self.lines(Self.post(client, Array(sent[..<5]), key: "l"))
            #expect(Set(others.compactMap(\.orderID)).isDisjoint(with: first.compactMap(\.orderID)))
        }
        #expect(try side.connect().number("SELECT count(*) FROM events") == 305)
    }

    @Test(arguments: ["each", "all"])
    func twoAtOnceWithOneKeyAreOne(_ policy: String) async throws {
        let side = try OrderSide()
        try await side.serve { first in
            let port = try first.peerPort()
            let sent = (1...600).map { Self.order($0) }
            let answers = Monitor<[[String?]]>([])
            let threads = (0..<3).map { index in
                DedicatedThread.start("client-\(index)") {
                    guard let client = try? WireClient(port: port),
                        let answer = try? Self.post(client, sent, key: "k", isArray: index == 1, policy: policy),
                        let lines = try? Self.lines(answer)
                    else { return }
                    answers.update { $0.append(lines.dropLast().map(\.orderID)) }
                }
            }
            for thread in threads { thread.join() }
            let found = answers.withLock { $0 }
            #expect(found.count == 3 && Set(found).count == 1 && Set(found[0]).count == 600)
            #expect(found[0].allSatisfy { $0 != nil })
        }
        #expect(try side.connect().number("SELECT count(*) FROM events") == 600)
        #expect(try side.connect().number("SELECT count(*) FROM batches WHERE accepted = 600 AND whole") == 1)
    }

    @Test func whoLeavesGoesOnWithTheSameKey() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            let sent = (1...500).map { Self.order($0) + "\n" }
            let body = sent.joined()
            let port = try client.peerPort()
            let leaving = try WireClient(port: port)
            try leaving.send(raw: Self.head(body.utf8.count, key: "k") + sent[..<300].joined() + sent[300].dropLast(9))
            _ = try leaving.receive(until: #""line":300,"#)
            leaving.abort()
            let again = try Self.lines(Self.post(client, sent.map { String($0.dropLast()) }, key: "k"))
            #expect(again.count == 501 && again[..<300].allSatisfy { $0.isReplayed })
            #expect(again[300..<500].allSatisfy { $0.status == 201 && !$0.isReplayed })
            // As a whole nothing of one that was cut is stored.
            let whole = try WireClient(port: port)
            try whole.send(raw: Self.head(body.utf8.count, key: "w", policy: "all") + sent[..<300].joined())
            whole.finishSending()
            #expect(try whole.answer().status == 400)
        }
        let connection = try side.connect()
        #expect(try connection.number("SELECT count(*) FROM events") == 500)
        #expect(try connection.number("SELECT count(*) FROM batches WHERE sealed_at IS NULL AND policy = 'all'") == 1)
        #expect(try connection.number("SELECT count(*) FROM batches WHERE accepted = 500 AND whole") == 1)
    }

    /// A client that writes all before it reads, one line more than a batch may have.
    @Test func whatIsBeyondTheLimitsIsRefused() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            let port = try client.peerPort()
            let sent = (1...BatchRequest.lineLimit + 1).map { Self.order($0) }
            let lines = try Self.lines(Self.post(client, sent))
            #expect(lines.count == BatchRequest.lineLimit + 1)
            #expect(lines.dropLast().allSatisfy { $0.status == 201 })
            #expect(lines.last?.status == 413 && lines.last?.number == nil)
            let large = try WireClient(port: port)
            try large.send(raw: Self.head(BatchRequest.byteLimit + 1, key: nil))
            #expect(try large.answer().status == 413)
            for (body, isArray) in [
                ("", false), ("\n \n", false), ("[]", true), ("{}", true), ("[\(Self.order(1))", true),
            ] {
                let broken = try WireClient(port: port)
                try broken.send(raw: Self.head(body.utf8.count, key: nil, isArray: isArray) + body)
                #expect(try broken.answer().status == 400, "\(body)")
            }
            let form = try WireClient(port: port)
            try form.send(
                raw:
                    "POST /orders/batch HTTP/1.1\r\nHost: test\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n\r\na,b"
            )
            #expect(try form.answer().status == 415)
        }
        #expect(try side.connect().number("SELECT count(*) FROM events") == Int64(BatchRequest.lineLimit))
        #expect(try side.connect().number("SELECT count(*) FROM batches WHERE sealed_at IS NOT NULL") == 0)
    }

    @Test func quotasCountLines() async throws {
        var side = try OrderSide()
        side.limits.tenantRate = 1
        side.limits.tenantBurst = 30
        try await side.serve { client in
            let sent = (1...50).map { Self.order($0) }
            let lines = try Self.lines(Self.post(client, sent, key: "k"))
            // Some may come back while the test runs.
            let taken = lines.count { $0.status == 201 }
            #expect((30..<45).contains(taken) && lines[..<30].allSatisfy { $0.status == 201 })
            let refused = lines.filter { $0.status == 429 }
            #expect(refused.count == 50 - taken && refused.allSatisfy { $0.json["retryAfter"] is Int })
            #expect(lines.last?.json["unavailable"] as? Int == 50 - taken)
            #expect(try Self.post(client, sent, policy: "all").status == 429)
        }
        // Not closed: the rest may come under the same key.
        #expect(try side.connect().number("SELECT count(*) FROM batches WHERE sealed_at IS NULL") == 2)
    }

    @Test func whoMayOrderForHimselfAloneIsKeptToIt() async throws {
        let side = try OrderSide()
        let alice = Principal(.token, subject: "alice", tenant: "default", rights: Rights([.ordersWriteOwn]))
        try await side.serve(as: alice) { client throws in
            let sent = [Self.order(1, user: "alice"), Self.order(2, user: "bob"), Self.order(3, user: "alice")]
            #expect(try Self.lines(Self.post(client, sent)).map(\.status) == [201, 403, 201, nil])
            #expect(try Self.post(client, sent, policy: "all").status == 422)
        }
        #expect(try side.connect().number("SELECT count(*) FROM batches WHERE owner = 'alice'") == 2)
    }
}
