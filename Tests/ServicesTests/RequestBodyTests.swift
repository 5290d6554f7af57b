import HTTPServer
import JSON
import Orders
import Testing

@testable import Services

/// The small bodies: what is no JSON is 400, what is no request 422 with the place.
@Suite struct RequestBodyTests {
    private func problem(_ body: () throws -> Void) throws -> (status: Int, pointers: [String]) {
        do {
            try body()
            return (200, [])
        } catch let problem as HTTPProblem {
            let json = try JSONValue(parsing: Array("{".utf8) + problem.members + Array("}".utf8))
            return (
                Int(problem.status.rawValue), json["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? ["none"]
            )
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
        func digest(_ total: String, _ currency: String) throws -> String {
            let body = #"{ "total":\#(total), "userId":"u","items":[{"sku":"s","qty":1}],"currency":"\#(currency)"}"#
            return try Array(body.utf8).withUnsafeBytes { RequestDigest.of(try OrderRequest(json: $0)) }
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
