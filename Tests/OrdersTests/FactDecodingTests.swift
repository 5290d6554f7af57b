import InventoryFacts
import JSON
import OrderFacts
import Orders
import PaymentFacts
import Randomness
import ShippingFacts
import Testing

private func decimal(_ text: String) -> JSONValue { JSONNumber(text).map { .number($0) } ?? .null }

/// What a topic brings is held against one set of bounds, every member of it, whichever type needs it.
@Suite struct FactDecodingTests {
    /// A payload with every member that facts and commands have.
    static let sound: JSONObject = [
        "orderId": "o-1", "userId": "alice", "items": .array([.object(["sku": "ABC", "qty": 2])]),
        "total": decimal("49.99"),
        "amount": decimal("49.99"), "currency": "USD", "reason": "because", "sku": "ABC", "reference": "ch_1",
        "shipmentId": "s-1", "trackingNumber": "T1", "kind": "order-confirmed", "recipient": "a@example.com",
        "messageId": "m-1", "email": "a@example.com", "shippingAddress": "1 Main St\n2nd floor",
        "paymentToken": "tok", "paymentTokenSealed": true, "tokenKey": "AAAA", "sealedToken": "AAAA",
        "createdAt": "2026-01-01T00:00:00Z", "command": "ReserveStock", "commandId": "c-1",
        "expiresAt": "2026-01-01T00:00:00Z", "placeAt": "2026-01-02T00:00:00Z",
    ]

    /// What each member can't be.
    static let flaws: [(String, JSONValue)] = {
        let control: [JSONValue] = ["a\0b", "a\u{1}b", "a\u{7F}b", "a\u{1B}[2J"]
        let wrong: [JSONValue] = [5, true, .array([]), .object([:])]
        func long(_ limit: Int) -> JSONValue { .string(String(repeating: "x", count: limit + 1)) }
        var flaws: [(String, JSONValue)] = []
        for (member, limit) in [
            ("orderId", FactLimit.orderID), ("userId", 256), ("reason", FactLimit.reason), ("sku", 128),
            ("reference", FactLimit.reference), ("shipmentId", FactLimit.shipmentID),
            ("trackingNumber", FactLimit.trackingNumber), ("kind", FactLimit.kind),
            ("recipient", FactLimit.recipient), ("messageId", FactLimit.messageID), ("email", 254),
            ("shippingAddress", 1_000), ("paymentToken", 255),
            ("tokenKey", FactLimit.tokenKey), ("sealedToken", FactLimit.sealedToken),
        ] {
            for value in control + wrong + [long(limit)] { flaws.append((member, value)) }
        }
        for member in ["orderId", "userId"] { for value: JSONValue in ["", .null] { flaws.append((member, value)) } }
        flaws.append(("orderId", "user:alice"))
        for value: JSONValue in ["true", 1, .array([])] { flaws.append(("paymentTokenSealed", value)) }
        for value: JSONValue in ["nobody", "a b@example.com", "a@b@c"] { flaws.append(("email", value)) }
        for value: JSONValue in ["XXX", "usd", "", .null, 5] { flaws.append(("currency", value)) }
        for member in ["total", "amount"] {
            for value: JSONValue in [-1, decimal("-0.01"), "-1", "ten", "1.001", "", .null, true, .array([])] {
                flaws.append((member, value))
            }
        }
        for value: JSONValue in ["yesterday", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", 5, .null] {
            flaws.append(("createdAt", value))
        }
        let lines: [JSONValue] = [
            .object(["sku": "", "qty": 1]), .object(["sku": "A\0", "qty": 1]), .object(["sku": 1, "qty": 1]),
            .object(["sku": long(128), "qty": 1]), .object(["sku": "A", "qty": 0]), .object(["sku": "A", "qty": -1]),
            .object(["sku": "A", "qty": 10_001]), .object(["sku": "A", "qty": decimal("1.5")]),
            .object(["sku": "A", "qty": "1"]), .object(["sku": "A"]), .object(["qty": 1]), "A", .null,
        ]
        for line in lines { flaws.append(("items", .array([.object(["sku": "ABC", "qty": 2]), line]))) }
        flaws.append(("items", .null))
        flaws.append(("items", .object([:])))
        flaws.append(
            ("items", .array(Array(repeating: .object(["sku": "A", "qty": 1]), count: 501))))
        return flaws
    }()

    private func isRead(_ type: String, _ payload: JSONObject, from origin: PayloadOrigin = .topic) throws -> Bool {
        try EveryFact.catalogue().decode(type, EncodedPayload(JSONValue.object(payload).bytes, from: origin)) != nil
    }

    private static func types() throws -> [String] {
        try EveryFact.catalogue().all.filter { $0 is any OrderPayload.Type }.map { $0.type }
    }

    @Test func everyFlawOfEveryMemberIsSeenByEveryType() throws {
        for type in try Self.types() {
            #expect(try isRead(type, Self.sound), "\(type)")
            for (member, value) in Self.flaws {
                var payload = Self.sound
                payload[member] = value
                #expect(throws: PayloadError.self, "\(type) with \(member): \(value)") { try isRead(type, payload) }
            }
        }
    }

    /// What requests can't be without.
    @Test func anOrderNeedsItems() throws {
        for type in [OrderCreated.type, ReserveStock.type] {
            for items: JSONValue? in [nil, .array([])] {
                var payload = Self.sound
                payload["items"] = items
                #expect(throws: PayloadError.self, "\(type)") { try isRead(type, payload) }
            }
        }
    }

    /// Bounds may become narrower; what is stored has come in by those of its day.
    @Test func whatIsStoredStaysReadable() throws {
        for (member, value): (String, JSONValue) in [
            ("reason", "a\tb"), ("email", "nobody"), ("userId", .string(String(repeating: "x", count: 300))),
            ("items", .array([.object(["sku": "A", "qty": 20_000])])), ("total", -1), ("currency", .null),
        ] {
            var payload = Self.sound
            payload[member] = value
            #expect(try isRead(OrderCreated.type, payload, from: .store), "\(member)")
            #expect(throws: PayloadError.self, "\(member)") { try isRead(OrderCreated.type, payload) }
        }
    }

    /// Whatever a gateway or a mail server says, the fact that tells of it can be read.
    @Test func wordsOfOthersMakeReadableFacts() throws {
        var generator = SeededGenerator.fromEnvironment("wordsOfOthersMakeReadableFacts")
        for _ in 0..<TestTier.rounds(2_000) {
            let length = Int.random(in: 0...1_500, using: &generator)
            let words = String(
                String.UnicodeScalarView(
                    (0..<length).map { _ in
                        Unicode.Scalar(UInt32.random(in: 0...0x2FF, using: &generator)) ?? "?"
                    }))
            let money = Money(minorUnits: 1, currency: .usd)
            let said: [any OrderPayload] = [
                OrderCancellationRequested(orderID: "o", reason: words, at: 0),
                StockRejected(orderID: "o", reason: words, at: 0),
                OrderCancelled(orderID: "o", userID: "u", total: money, reason: words, at: 0),
                PaymentFailed(orderID: "o", reason: words, at: 0),
                PaymentRefundFailed(orderID: "o", reason: words, at: 0),
                ShipmentFailed(orderID: "o", reason: words, at: 0), RefundPayment(orderID: "o", reason: words),
                CancelOrder(orderID: "o", reason: words),
            ]
            let payload = try #require(said.randomElement(using: &generator))
            let again = try EveryFact.catalogue().decode(
                Swift.type(of: payload).type, EncodedPayload(payload.payload()))
            #expect(again != nil, "seed \(generator.seed)")
        }
    }

    /// A member that a later version writes is no quantity.
    @Test func linesAreReadByTheirNames() throws {
        func read(_ json: String) throws -> [OrderLine] {
            try Array(json.utf8).withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                return try OrderLine.stored(&reader)
            }
        }
        let expected = [OrderLine(sku: "A", quantity: 2)]
        #expect(try read(#"[{"sku":"A","qty":2,"weight":9}]"#) == expected)
        #expect(try read(#"[{"weight":9,"qty":2,"sku":"A","note":"x"}]"#) == expected)
        for broken in [#"[{"sku":"A","weight":9}]"#, #"[{"qty":2}]"#, #"[{"sku":"A","qty":0}]"#] {
            #expect(throws: (any Error).self) { try read(broken) }
        }
    }

    @Test func usersAreHeldAgainstTheirRequests() throws {
        func isRead(_ type: String, _ payload: JSONObject) throws -> Bool {
            try EveryFact.catalogue().decode(
                type, EncodedPayload(JSONValue.object(payload).bytes, schemaVersion: 2, id: "m")) != nil
        }
        let sound: JSONObject = [
            "userId": "alice", "name": "Alice", "email": "a@example.com", "accountId": "acc",
            "address": .object(["street": "1 Main St", "city": "Springfield"]), "createdAt": "2026-01-01T00:00:00Z",
        ]
        let long = JSONValue.string(String(repeating: "x", count: 1_001))
        let flaws: [(String, [JSONValue])] = [
            ("userId", ["", "a\0b", 5, .null, long]), ("name", ["", "a\0b", 5, .null, long]),
            ("email", ["nobody", "a\0@b", 5, long]), ("accountId", ["a\0b", 5, long]),
            ("address", ["", "a\0b", 5, long, .object([:]), .object(["street": "a\0"]), .object(["street": long])]),
            ("createdAt", ["yesterday", 5, .null]),
        ]
        for type in ["UserCreated", "user.created", "AccountCreated", "account.created"] {
            #expect(try isRead(type, sound))
            for (member, values) in flaws {
                for value in values {
                    var payload = sound
                    payload[member] = value
                    #expect(throws: PayloadError.self, "\(type) with \(member): \(value)") {
                        try isRead(type, payload)
                    }
                }
            }
        }
    }
}
