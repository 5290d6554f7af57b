import HTTPServer
import JSON
import Orders
import Testing

@testable import Inventory
@testable import OrderAPI
@testable import OrderflowKit

/// The small bodies: what is no JSON is 400, what is no request 422 with the place.
@Suite struct RequestBodyTests {
    private func problem(_ body: () throws -> Void) throws -> (status: Int, pointers: [String]) {
        do {
            try body()
            return (200, [])
        } catch let error as any AnswerableError {
            let problem = error.problem(titled: nil)
            let json = try JSONValue(parsing: Array("{".utf8) + problem.members + Array("}".utf8))
            return (
                Int(problem.status.rawValue), json["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? ["none"]
            )
        }
    }

    private func status(_ port: UInt16, _ path: String, _ fields: String, _ body: String = "{}") throws -> Int {
        let client = try WireClient(port: port)
        let head = "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n"
        try client.send(raw: head + body)
        return try client.answer().status
    }

    /// One gate, whatever the route does with it.
    @Test func aBodySaysThatItIsJSON() async throws {
        let router = Router([
            Routes(needing: .open) {
                Post("/required") { _ in .text(.ok, "ok") }
                Post("/optional", .body(.optional)) { _ in .text(.ok, "ok") }
            }
        ])
        try await serving(router, with: []) { port in
            let json = "Content-Type: application/json\r\n"
            let table: [(fields: String, status: Int)] = [
                (json, 200), ("content-type: APPLICATION/JSON ; charset=utf-8\r\n", 200),
                ("Content-Type: application/vnd.shop+json\r\n", 200), ("", 415), ("Content-Type:\r\n", 415),
                ("Content-Type: text/plain\r\n", 415), ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
                ("Content-Type: multipart/form-data; boundary=a\r\n", 415),
                ("Content-Type: application/json5\r\n", 415),
                ("Content-Type: text/json, application/json\r\n", 415), (json + json, 400),
                (json + "Content-Encoding: gzip\r\n", 415), (json + "Content-Encoding: identity\r\n", 200),
            ]
            for (fields, expected) in table {
                for path in ["/required", "/optional"] {
                    let answered = try status(port, path, fields)
                    #expect(answered == expected, "\(path) \(fields)")
                }
            }
            #expect(try status(port, "/required", "", "") == 415)
            // What `curl -d ''` sends is nothing.
            #expect(try status(port, "/optional", "Content-Type: application/x-www-form-urlencoded\r\n", "") == 200)
            #expect(try status(port, "/optional", "", "") == 200)
        }
    }

    @Test(
        arguments: [
            (#"{"sku":"A","quantity":1}"#, 200, []), (#"{"sku":1,"quantity":1}"#, 422, ["/sku"]),
            (#"{"sku":"A","quantity":"1"}"#, 422, ["/quantity"]), (#"{"sku":"A","quantity":-1}"#, 422, ["/quantity"]),
            (#"{"sku":"","quantity":1}"#, 422, ["/sku"]), (#"{"sku":"a\nb","quantity":1}"#, 422, ["/sku"]),
            ("{}", 422, ["/sku", "/quantity"]), ("[]", 422, [""]), (#"{"sku":"A""#, 400, [""]), ("", 400, [""]),
        ] as [(String, Int, [String])])
    func stock(body: String, status: Int, pointers: [String]) throws {
        let found = try problem { try Array(body.utf8).withUnsafeBytes { _ = try StockRequest($0) } }
        #expect(found.status == status && found.pointers == pointers, "\(found)")
    }

    /// An amount is one however it is written, and so is the request that an Idempotency-Key stands for.
    @Test func notationsOfAnAmountAreOneRequest() throws {
        func digest(_ total: String, _ currency: String) throws -> [UInt8] {
            let body = #"{ "total":\#(total), "userId":"u","items":[{"sku":"s","qty":1}],"currency":"\#(currency)"}"#
            return try Array(body.utf8).withUnsafeBytes { try OrderRequest(json: $0).canonical }
        }
        for (currency, totals) in [
            ("JPY", ["705", "705.00", "\"705\"", "\"705.0\"", "7.05e2", "70500E-2"]),
            ("USD", ["49.99", "49.990", "\"49.99\"", "4999e-2"]),
        ] {
            let digests = try totals.map { try digest($0, currency) }
            #expect(Set(digests).count == 1, "\(currency)")
            #expect(try digest("706", currency) != digests[0])
        }
    }

    @Test(
        arguments: [
            ("", 200, []), (#"{"reason":"late"}"#, 200, []), ("{}", 200, []), (#"{"reason":1}"#, 422, ["/reason"]),
            (#"{"reason":"a\tb"}"#, 422, ["/reason"]), (#""late""#, 422, [""]), ("{", 400, [""]),
        ] as [(String, Int, [String])])
    func cancellation(body: String, status: Int, pointers: [String]) throws {
        let found = try problem { try Array(body.utf8).withUnsafeBytes { _ = try CancelRequest($0) } }
        #expect(found.status == status && found.pointers == pointers, "\(found)")
    }
}
