import JSON
import Kafka
import OrderFacts
import Orders
import Randomness
import Testing
import UserFacts

@testable import Fulfilment
@testable import Inventory
@testable import Messaging
@testable import Notification
@testable import OrderAPI
@testable import OrderflowKit
@testable import Payment
@testable import Projection
@testable import Shipping

/// One verdict on a record for every group, before anybody acts on it.
@Suite struct DoorTests {
    /// A group, and how it reads.
    private struct Listener {
        let group: String
        let types: Set<String>
        let reader: RecordReader

        init(_ group: String, _ handler: any BatchHandler) {
            self.group = group
            types = handler.types
            reader = RecordReader(
                types: handler.types, ignoring: handler.ignoredSource, content: FactCatalogue.standard.door)
        }
    }

    private static let listeners = Result { try handlers().map { Listener($0.group, $0.handler) } }

    /// Every handler of every group, in both modes of the saga.
    private static func handlers() throws -> [(group: String, handler: any BatchHandler)] {
        var handlers: [(String, any BatchHandler)] = [
            ("shipping-group", ShippingHandler(topic: "t", source: "/s")),
            ("notification-group", NotificationHandler(recipientDomain: "d", messageDomain: "d")),
            ("projection-group", OrderViewProjection(.standard)), ("invoicing-group", InvoicingHandler()),
            ("sales-group", SalesHandler()), ("order-group", OrderCommandHandler()),
            ("order-outcomes-group", OrderOutcomeHandler(ServiceCatalogue.fulfilment.steps)),
            (
                "saga-group",
                SagaFactHandler(try FulfilmentSaga.orchestrator(Settings(.fulfilment)))
            ),
        ]
        for mode in [FulfilmentMode.orchestration, .choreography] {
            handlers.append(("payment-group", PaymentHandler(mode: mode, topic: "t", source: "/s")))
            handlers.append(
                (
                    "inventory-group",
                    InventoryHandler(mode: mode, unknownSKU: .unlimited, topic: "t", source: "/s")
                ))
        }
        return handlers
    }

    /// A record as a stranger might put it.
    struct Record {
        var type = OrderCreated.type
        var key: [UInt8]? = Array("o-1".utf8)
        var value: [UInt8]?
        var headers: [(String, [UInt8])] = []
    }

    static let order: JSONObject = [
        "orderId": "o-1", "userId": "alice", "items": .array([.object(["sku": "ABC", "qty": 2])]), "total": 10,
        "amount": 10, "currency": "USD", "reason": "because", "shipmentId": "s-1", "trackingNumber": "T1",
        "reference": "ch_1", "kind": "order-confirmed", "recipient": "a@example.com", "messageId": "m-1",
        "email": "a@example.com", "shippingAddress": "1 Main St", "paymentToken": "tok", "paymentTokenSealed": false,
        "tokenKey": "AAAA", "sealedToken": "AAAA", "command": "ProcessPayment", "commandId": "c-1",
        "expiresAt": "2026-01-01T00:00:00Z", "placeAt": "2026-01-01T00:00:00Z",
        "createdAt": "2026-01-01T00:00:00Z",
    ]

    private static func record(
        _ type: String, _ payload: JSONObject = order, envelope: JSONObject = [:], headers: [(String, String)] = []
    ) -> Record {
        var members: JSONObject = ["type": .string(type), "version": 1, "payload": .object(payload)]
        for member in envelope.members { members[member.name] = member.value }
        return Record(
            type: type, value: JSONValue.object(members).bytes, headers: headers.map { ($0.0, Array($0.1.utf8)) })
    }

    private func verdict(_ record: Record, by reader: RecordReader) -> RecordVerdict {
        var headers = EnvelopeHeaders()
        for (name, value) in record.headers { value.withUnsafeBytes { headers.take(name, $0) } }
        func decode(_ value: UnsafeRawBufferPointer?, _ key: UnsafeRawBufferPointer?) -> RecordVerdict {
            EnvelopeDecoder.decode(
                value: value, key: key, headers: headers,
                source: InboundMessage.Source(topic: "order-events", partition: 0, offset: 7), recordTime: 1, by: reader
            )
        }
        func withKey(_ value: UnsafeRawBufferPointer?) -> RecordVerdict {
            guard let key = record.key else { return decode(value, nil) }
            return key.withUnsafeBytes { decode(value, $0) }
        }
        guard let value = record.value else { return withKey(nil) }
        return value.withUnsafeBytes { withKey($0) }
    }

    private enum Expected { case event, poison, nothing }

    /// The same for all: whoever reacts to the type says `expected`, and nobody else says more than "nothing for us"
    /// or, where the value can't even be read, "poison".
    private func expect(_ expected: Expected, _ record: Record, _ what: String) throws {
        var reasons: Set<String> = []
        for listener in try Self.listeners.get() {
            let (group, reacts) = (listener.group, listener.types.contains(record.type))
            switch verdict(record, by: listener.reader) {
            case .event:
                #expect(reacts && expected == .event, "\(what): an event for \(group)")
            case .poison(let reason), .forged(let reason), .unavailable(let reason):
                #expect(expected == .poison, "\(what): poison for \(group): \(reason)")
                reasons.insert(reason)
            case .nothing:
                #expect(!reacts || expected == .nothing, "\(what): nothing for \(group)")
            }
        }
        #expect(reasons.count <= 1, "\(what): \(reasons)")
    }

    private static let types = FactCatalogue.standard.all.filter { $0 is any OrderPayload.Type }.map { $0.type }

    /// They stand on the topic of orders' facts, under a key that is no order's.
    @Test func factsAboutBatchesArePassedOver() throws {
        let batch: JSONObject = [
            "batchId": "b-1", "accepted": 1, "confirmed": 1, "cancelled": 0, "refused": 0, "whole": true,
            "openedAt": "2026-01-01T00:00:00Z", "sealedAt": "2026-01-01T00:00:00Z",
            "completedAt": "2026-01-01T00:00:00Z",
        ]
        for headers in [[], [("ce_type", BatchCompleted.type), ("ce_id", "1")]] {
            var record = Self.record(BatchCompleted.type, batch, headers: headers)
            record.key = Array("b-1".utf8)
            try expect(.nothing, record, BatchCompleted.type)
        }
    }

    @Test func soundRecordsAreEventsForAll() throws {
        for type in Self.types {
            try expect(.event, Self.record(type), type)
            try expect(.event, Self.record(type, headers: [("ce_type", type), ("ce_id", "1")]), type)
            var keyless = Self.record(type)
            keyless.key = nil
            try expect(.event, keyless, "\(type) without a key")
        }
    }

    /// Whether a group needs the member or not.
    @Test func aFlawInAPayloadIsPoisonForAll() throws {
        let flaws: [(String, JSONValue)] = [
            ("orderId", "n\01"), ("orderId", ""), ("userId", "a\0b"), ("userId", 5),
            ("items", .array([.object(["sku": "A\0", "qty": 1])])),
            ("items", .array([.object(["sku": "A", "qty": 10_001])])), ("total", -10), ("amount", -10),
            ("currency", "XXX"), ("reason", "a\0b"), ("email", "nobody"), ("shippingAddress", "1 Main\0St"),
            ("paymentToken", .string(String(repeating: "t", count: 256))), ("createdAt", "soon"),
            ("trackingNumber", "\u{1B}[2J"), ("recipient", 7), ("reference", .array([])),
        ]
        for type in Self.types {
            for (member, value) in flaws {
                var payload = Self.order
                payload[member] = value
                try expect(.poison, Self.record(type, payload), "\(type), \(member): \(value)")
                try expect(
                    .poison, Self.record(type, payload, headers: [("ce_type", type)]), "\(type), \(member): \(value)")
            }
        }
    }

    @Test func aFlawInTheEnvelopeIsPoisonForAll() throws {
        let long = String(repeating: "x", count: 400)
        let headers: [(String, [UInt8])] = [
            ("ce_id", []), ("ce_id", [0xFF]), ("ce_id", Array(long.utf8)), ("ce_id", Array("a\0b".utf8)),
            ("ce_source", []), ("ce_source", [0xFF, 0xFE]), ("ce_time", Array("now".utf8)), ("ce_time", []),
            ("ce_expirytime", Array("soon".utf8)), ("ce_expirytime", []),
            ("ce_tenant", []), ("ce_tenant", [0xFF]), ("ce_tenant", Array("a b".utf8)),
            ("ce_tenant", Array("a/b".utf8)),
            ("ce_tenant", Array(String(repeating: "t", count: 65).utf8)), ("ce_tenant", Array("é".utf8)),
            ("ce_streamversion", Array("0".utf8)), ("ce_streamversion", Array("-1".utf8)),
            ("ce_streamversion", Array("+1".utf8)), ("ce_streamversion", Array("1.0".utf8)),
            ("ce_streamversion", Array("99999999999".utf8)), ("ce_correlationid", Array(long.utf8)),
            ("ce_type", []), ("ce_type", [0xFF]), ("ce_type", Array("SomethingElse".utf8)),
        ]
        for type in Self.types {
            for (name, value) in headers {
                var record = Self.record(type)
                record.headers = [(name, value)]
                // Nobody reacts to what the header says: nothing for anybody.
                let isOther = value == Array("SomethingElse".utf8)
                try expect(isOther ? .nothing : .poison, record, "\(type), \(name): \(value)")
            }
            for tenants in [["acme", "other"], ["acme", ""], ["a b", "acme"]] {
                var record = Self.record(type)
                record.headers = tenants.map { ("ce_tenant", Array($0.utf8)) }
                try expect(.poison, record, "\(type) of \(tenants)")
            }
            for (member, value): (String, JSONValue) in [
                ("version", 0), ("version", 10_001), ("version", "1"), ("payload", .null), ("payload", "x"),
            ] {
                try expect(.poison, Self.record(type, envelope: [member: value]), "\(type), \(member): \(value)")
            }
            for key: [UInt8] in [Array("o-2".utf8), [], [0xFF, 0xFE], Array("o-1\0".utf8), Array("O-1".utf8)] {
                var record = Self.record(type)
                record.key = key
                try expect(.poison, record, "\(type) under the key \(key)")
            }
        }
    }

    /// A header that names a type that some react to and some don't.
    @Test func aRecordOfTwoTypesIsAnEventForNobody() throws {
        for said in Self.types {
            for type in Self.types where type != said {
                let record = Self.record(type, headers: [("ce_type", said)])
                for listener in try Self.listeners.get() {
                    if case .event = verdict(record, by: listener.reader) {
                        Issue.record("\(type) as \(said) is an event for \(listener.group)")
                    }
                }
            }
        }
    }

    @Test func tombstonesAndUnknownTypesAreNothingForAll() throws {
        for type in Self.types {
            try expect(.nothing, Record(type: type, value: nil), "a tombstone")
            try expect(
                .nothing, Record(type: type, value: nil, headers: [("ce_type", Array(type.utf8))]), "a tombstone")
            try expect(.poison, Record(type: type, value: []), "an empty value")
        }
        try expect(.nothing, Self.record("SomethingElse", ["a": "\0"]), "an unknown type")
        var flawed = Self.record("SomethingElse")
        flawed.headers = [("ce_tenant", [0xFF])]
        try expect(.nothing, flawed, "an unknown type of an unreadable tenant")
        for broken in ["{broken", "", "[]", "5", #"{"type":"OrderCreated""#, #"{"type":5}"#, "\u{FEFF}{}"] {
            try expect(.poison, Record(type: "", value: Array(broken.utf8)), broken)
        }
    }

    /// Bytes turned, taken out and put in at random: no group acts on what another refuses.
    @Test func mutatedRecordsGetOneVerdict() throws {
        var generator = SeededGenerator.fromEnvironment("mutatedRecordsGetOneVerdict")
        let listeners = try Self.listeners.get()
        for _ in 0..<TestTier.rounds(3_000) {
            let type = try #require(Self.types.randomElement(using: &generator))
            var record = Self.record(
                type,
                headers: Bool.random(using: &generator)
                    ? [("ce_type", type), ("ce_id", "1"), ("ce_tenant", "acme")] : [])
            var value = record.value ?? []
            for _ in 0...Int.random(in: 0...2, using: &generator) {
                let place = Int.random(in: 0..<value.count, using: &generator)
                let byte = UInt8.random(in: 0...255, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: value[place] = byte
                case 1: value.insert(byte, at: place)
                default: value.remove(at: place)
                }
            }
            record.value = value
            var events: Set<String> = []
            var refusals: Set<String> = []
            for listener in listeners {
                switch verdict(record, by: listener.reader) {
                case .event(let message): events.insert(message.type)
                case .poison(let reason), .forged(let reason), .unavailable(let reason):
                    refusals.insert("\(listener.group): \(reason)")
                case .nothing: break
                }
            }
            #expect(
                events.isEmpty || refusals.isEmpty,
                "\(String(decoding: value, as: UTF8.self)), seed \(generator.seed)")
        }
    }

    @Test func usersAreJudgedByTheSameDoor() throws {
        let user: JSONObject = ["userId": "alice", "name": "Alice", "email": "alice@example.com"]
        var record = Self.record(UserCreated.type, user)
        record.key = Array("alice".utf8)
        try expect(.event, record, "a user")
        var nul = user
        nul["userId"] = "a\0b"
        var flawed = Self.record(UserCreated.type, nul)
        flawed.key = nil
        try expect(.poison, flawed, "a user with a NUL")
    }
}
