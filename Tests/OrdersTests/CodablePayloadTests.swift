import JSON
import Randomness
import Testing

@testable import Orders

/// A fact as another team would write it.
private struct LoyaltyPointsEarned: OrderFact, Codable {
    static let type = "LoyaltyPointsEarned"
    let orderID: String
    let points: Int
    @WireTime var at: Int64
}

/// Everything that a `Codable` struct may have.
private struct Everything: OrderFact, Codable {
    enum Kind: String, Codable { case plain, fancy }
    struct Part: Hashable, Codable, Sendable {
        var partID: String
        var share: Double
        var flag: Bool
    }

    static let type = "Everything"
    var orderID: String
    var small: Int8
    var big: UInt64
    var note: String?
    var kind: Kind
    var parts: [Part]
    var names: [String: Int]
    var nested: [[Int]]
    var maybe: [Int?]
    @WireTime var at: Int64
}

@Suite struct CodablePayloadTests {
    private func read<Content: MessagePayload>(_ json: String, as _: Content.Type = Content.self) throws -> Content {
        try Content(EncodedPayload(Array(json.utf8)))
    }

    private func flaw(_ json: String) -> String? {
        do {
            _ = try read(json, as: LoyaltyPointsEarned.self)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func aStructIsAFact() throws {
        let fact = LoyaltyPointsEarned(orderID: "o", points: 49, at: 1_000_000)
        let json = #"{"orderId":"o","points":49,"at":"1970-01-01T00:00:01.000000Z"}"#
        #expect(String(decoding: try fact.payload(), as: UTF8.self) == json)
        #expect(try read(json) == fact)
        #expect(fact.key == "o" && LoyaltyPointsEarned.version == 1)
        // A newer producer may say more.
        let more = #"{"points":49,"colour":{"a":[1]},"at":"1970-01-01T01:00:01+01:00","orderId":"o"}"#
        #expect(try read(more) == fact)
    }

    @Test func whatIsMissingOrOfAnotherTypeIsSaid() {
        let time = #""at":"1970-01-01T00:00:01Z""#
        let table: [(json: String, flaw: String?)] = [
            (#"{"orderId":"o","points":1,\#(time)}"#, nil),
            (#"{"orderId":"o",\#(time)}"#, "LoyaltyPointsEarned: /points is required"),
            (#"{"orderId":"o","points":"1",\#(time)}"#, "LoyaltyPointsEarned: /points must be an integer"),
            (#"{"orderId":"o","points":1.5,\#(time)}"#, "LoyaltyPointsEarned: /points must be an integer"),
            (
                #"{"orderId":"o","points":9223372036854775808,\#(time)}"#,
                "LoyaltyPointsEarned: /points must be an integer"
            ),
            (#"{"orderId":"o","points":null,\#(time)}"#, "LoyaltyPointsEarned: /points must be an integer"),
            (#"{"orderId":"o","points":1,"at":"noon"}"#, "LoyaltyPointsEarned: /at must be an RFC 3339 time"),
            (#"{"orderId":"o","points":1,"at":5}"#, "LoyaltyPointsEarned: /at must be a string"),
            (#"{"points":1,\#(time)}"#, "LoyaltyPointsEarned: /orderId is required"),
            (#"[]"#, ""), ("", ""), (#"{"orderId":"o","points":1,\#(time)"#, ""),
        ]
        for (json, expected) in table {
            let said = flaw(json)
            if let expected, !expected.isEmpty {
                #expect(said == expected)
            } else {
                #expect((said == nil) == (expected == nil), "\(json): \(said ?? "read")")
            }
        }
    }

    /// Members that the wire format knows are held against their bounds in every payload.
    @Test func knownMembersAreJudgedHereToo() {
        for member in [
            #""reason":"a\u0000b""#, #""total":-1"#, #""items":[{"sku":"","qty":1}]"#, #""email":"nobody""#,
            #""createdAt":"noon""#, #""currency":"XXX","amount":1"#,
        ] {
            #expect(
                flaw(#"{"orderId":"o","points":1,"at":"1970-01-01T00:00:01Z",\#(member)}"#) != nil, "\(member)")
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        var random = SeededGenerator.fromEnvironment("codablePayloads")
        for _ in 0..<TestTier.rounds(500) {
            func text() -> String {
                (0..<Int.random(in: 1...12, using: &random)).map { _ in
                    Unicode.Scalar(UInt32.random(in: 0x80...0x2FF, using: &random)).map(String.init) ?? "\"\\/ "
                }.joined()
            }
            let fact = Everything(
                orderID: "o-\(UInt32.random(in: 0...9, using: &random))",
                small: Int8.random(in: .min ... .max, using: &random),
                big: UInt64.random(in: 0...UInt64(Int64.max), using: &random),
                note: Bool.random(using: &random) ? text() : nil, kind: Bool.random(using: &random) ? .plain : .fancy,
                parts: (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    Everything.Part(
                        partID: text(), share: Double.random(in: -1e9...1e9, using: &random),
                        flag: Bool.random(using: &random))
                },
                names: ["one": 1, "two": Int.random(in: .min ... .max, using: &random)],
                nested: [[], [Int.random(in: 0...9, using: &random)]], maybe: [nil, 1],
                at: Int64.random(in: 0...4_000_000_000_000_000, using: &random))
            let bytes = try fact.payload()
            #expect(
                try Everything(EncodedPayload(bytes)) == fact,
                "\(String(decoding: bytes, as: UTF8.self)), seed \(random.seed)")
        }
    }

    /// What JSON can't say is an error of the writer's, and no trap.
    @Test func whatJSONCannotSayIsRefused() {
        var fact = Everything(
            orderID: "o", small: 1, big: .max, note: nil, kind: .plain, parts: [], names: [:], nested: [], maybe: [],
            at: 0)
        #expect(throws: EncodingError.self) { try fact.payload() }
        fact.big = 1
        for share in [Double.nan, .infinity, -.infinity] {
            fact.parts = [Everything.Part(partID: "p", share: share, flag: true)]
            #expect(throws: EncodingError.self) { try fact.payload() }
        }
    }

    @Test func namesAreThoseOfTheWire() {
        for (name, wire) in [
            ("orderID", "orderId"), ("points", "points"), ("customerURLText", "customerUrlText"), ("ID", "Id"),
            ("orderIDs", "orderIDs"), ("order_id", "order_id"), ("aB", "aB"), ("", ""),
        ] {
            #expect(WireName.of(name) == wire)
        }
    }
}
