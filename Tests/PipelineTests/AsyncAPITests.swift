import Foundation
import InventoryFacts
import JSON
import Kafka
import Logging
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Schemas
import TestSchemas
import TestServers
import TestShop
import Testing
import UserFacts

@testable import OrderflowApp
@testable import OrderflowKit

/// docs/asyncapi.yaml is true of every record that a real run publishes, and the run publishes every type there is.
@Suite(.serialized) struct AsyncAPITests {
    private let document: JSONValue

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        document = try JSONValue(
            yaml: String(contentsOf: root.appendingPathComponent("docs/asyncapi.yaml"), encoding: .utf8))
    }

    /// The types that each topic carries, by the document.
    private func types() -> [String: Set<String>] {
        var types: [String: Set<String>] = [:]
        for channel in document["channels"]?.object?.members ?? [] {
            guard let address = channel.value["address"]?.string else { continue }
            types[address] = Set((channel.value["messages"]?.object?.members ?? []).map(\.name))
        }
        return types
    }

    @Test func itNamesTheTypesThatTheProgramKnows() throws {
        let types = types()
        var declared: [String: Set<String>] = [:]
        for module in OrderflowApp.services.modules {
            for (topic, payloads) in module.payloads {
                declared[topic.defaultName, default: []].formUnion(payloads.map { $0.type })
            }
        }
        #expect(types.filter { declared[$0.key] != nil } == declared)
        let schema = JSONSchema(in: document)
        let text = String(decoding: document.bytes, as: UTF8.self)
        for match in text.matches(of: /"\$ref":"([^"]+)"/) {
            #expect(schema.resolve(String(match.output.1)) != nil, "\(match.output.1)")
        }
    }

    /// The document and the schemas that other formats are made of say the same of each payload.
    @Test func itSaysWhatTheSchemasSay() throws {
        let json = JSONSchema(in: document)
        for schema in try OrderflowApp.services.facts.schemas {
            let described = try #require(json.resolve("#/components/schemas/\(schema.type)"), "\(schema.type)")
            expect(described, says: schema.record, json)
        }
    }

    private func expect(_ described: JSONValue, says record: RecordSchema, _ json: JSONSchema) {
        let properties = described["properties"]?.object?.members ?? []
        #expect(Set(properties.map(\.name)) == Set(record.fields.map(\.name)), "\(record.name)")
        let required = Set((described["required"]?.array ?? []).compactMap(\.string))
        #expect(required == Set(record.fields.filter { !$0.isOptional }.map(\.name)), "\(record.name)")
        for property in properties {
            guard let field = record[property.name] else { continue }
            expect(property.value, isA: field.type, at: "\(record.name)/\(field.name)", json)
        }
    }

    private func expect(_ described: JSONValue, isA type: SchemaType, at place: String, _ json: JSONSchema) {
        let described = described["$ref"]?.string.flatMap { json.resolve($0) } ?? described
        switch type {
        case .text, .time, .json:
            // An enum of texts needs no type.
            #expect(described["type"]?.string ?? "string" == "string", "\(place)")
            #expect((described["format"]?.string == "date-time") == (type == .time), "\(place)")
        case .bool: #expect(described["type"] == "boolean", "\(place)")
        case .int32, .int64: #expect(described["type"] == "integer", "\(place)")
        case .double, .amount: #expect(described["type"] == "number", "\(place)")
        case .list(let element):
            #expect(described["type"] == "array", "\(place)")
            expect(described["items"] ?? .null, isA: element, at: place, json)
        case .record(let record): expect(described, says: record, json)
        }
    }

    @Test(.servers) func everyRecordIsAsItSays() async throws {
        let shop = try Shop(settings: [
            "ORDERFLOW_PAYMENT_TIMEOUT": "2s", "ORDERFLOW_SAGA_PAYMENT_DEADLINE": "6s",
            "ORDERFLOW_INVENTORY_UNKNOWN_SKU": "reject", "ORDERFLOW_LOG_SHIP_LEVEL": "info",
            "ORDERFLOW_MAIL_REMIND_BEFORE": "1s",
        ])
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let client = up.client
        for sku in ["ABC", "UNSHIPPABLE"] { try shop.run("stock", "set", sku, "100") }

        _ = try await client.post("/users", #"{"userId":"alice","name":"Alice","email":"alice@example.com"}"#)
        _ = try await client.post(
            "/accounts", #"{"userId":"alice","address":{"street":"1 Main St","city":"Springfield"}}"#)
        let bodies = [
            Self.order(), Self.order(#","email":"a@example.com","shippingAddress":"1 Main St","currency":"EUR""#),
            Self.order(#","paymentToken":"tok_declined""#), Self.order(sku: "UNSHIPPABLE"),
            Self.order(sku: "NOWHERE"), Self.order(#","shippingAddress":"UNDELIVERABLE 1""#),
            Self.order(#","shippingAddress":"UNDELIVERABLE 1","paymentToken":"tok_refund_flaky""#),
        ]
        for body in bodies { _ = try await client.order(body) }
        for body in [bodies[0], bodies[6]] {
            _ = try await client.order(String(body.dropLast()) + #","priority":"express"}"#)
        }
        // One for later, with a reminder, and one that is withdrawn before its time.
        _ = try await client.order(Self.order(#","email":"a@example.com","placeAt":"\#(Self.time(in: 4))""#))
        let later = try await client.order(Self.order(#","placeAt":"\#(Self.time(in: 3_600))""#))
        #expect(try await client.post("/orders/\(later)/cancel", #"{"reason":"not any more"}"#).status == 202)
        #expect(try await client.post("/orders/batch", "[\(Self.order())]").status == 200)
        try await eventually("inventory answers a quote") {
            try await client.post("/quotes", #"{"items":[{"sku":"ABC","qty":1}]}"#).status == 200
        }
        let slow = try await client.order(Self.order(#","paymentToken":"tok_slow""#))
        try await eventually("the stock is reserved") {
            (try await client.view(slow)?["stock"] as? [String: any Sendable])?["status"] as? String == "reserved"
        }
        #expect(try await client.post("/orders/\(slow)/cancel", #"{"reason":"too slow"}"#).status == 202)
        // Two from somebody else: what was never charged is voided, and what can't be read is a dead letter.
        try shop.publish(
            #"{"type":"RefundPayment","version":1,"payload":{"orderId":"shop-0","reason":"never charged"}}"#,
            key: "shop-0", to: "payment-commands")
        try shop.publish(#"{"type":"OrderCreated","payload":"#, key: "shop-1", to: "order-events")

        let topics = types().filter { !$0.key.contains("{") && $0.key != "logs" }
        // Nearly all that is said of an order may be said of an express one.
        let (expected, lanes) = (topics.filter { !Self.isLane($0.key) }, topics.filter { Self.isLane($0.key) })
        var records: [TopicRecord] = []
        // A failure says below what is missing.
        try? await eventually(within: .seconds(60), "every type is published") { () async throws -> Bool in
            records = try expected.keys.sorted().flatMap { try shop.records(of: $0) }
            let wanted = expected.values.reduce(into: Set()) { $0.formUnion($1) }
            return Self.types(records).isSuperset(of: wanted.subtracting(Self.seldom.values.flatMap(\.self)))
        }
        try? await eventually("both express orders have ended") {
            let ends = Self.types(try shop.records(of: "order-events-express"))
            return ends.isSuperset(of: ["OrderConfirmed", "OrderCancelled", "NotificationSent"])
        }
        #expect(lanes.count == 4)
        for (topic, types) in lanes {
            let found = try shop.records(of: topic)
            records += found
            #expect(Self.types(found).subtracting(types).isEmpty, "\(topic)")
            #expect(!found.isEmpty && found.allSatisfy { $0.headers["ce_priority"] == "express" }, "\(topic)")
            #expect(types.isSubset(of: expected[Self.plain(topic)] ?? []), "\(topic)")
        }
        for (topic, types) in expected {
            let found = Self.types(records.filter { $0.topic == topic })
            #expect(found.subtracting(types).isEmpty, "\(topic)")
            #expect(types.subtracting(found) == Self.seldom[topic, default: []], "\(topic)")
        }
        let schema = JSONSchema(in: document)
        for record in records where record.headers["ce_id"] != nil {
            let type = try #require(record.type)
            let message = try #require(schema.resolve("#/components/messages/\(type)"), "\(type)")
            let value = try JSONValue(parsing: record.value)
            let flaws = schema.flaws(of: value, by: message["payload"] ?? false)
            #expect(flaws.isEmpty, "\(record.value)")
            try check(record, message, schema)
            #expect(record.headers["ce_type"] == type && record.headers["ce_subject"] == record.key)
        }
        #expect(records.count { $0.headers["ce_id"] == nil } == 2)
        try expectLeastAccess(records, shop)
        #expect(Set(records.compactMap { $0.headers["ce_id"] }).count == records.count - 2)

        try eventually("the dead letter is published") {
            try !shop.records(of: "order-events.shipping-group.dlt").isEmpty
        }
        let letter = try #require(try shop.records(of: "order-events.shipping-group.dlt").first)
        try check(letter, try #require(schema.resolve("#/components/messages/DeadLetter")), schema)
        let lines = try shop.records(of: "logs")
        #expect(lines.count > 20)
        let line = try #require(schema.resolve("#/components/messages/LogLine/payload"))
        for record in lines {
            #expect(schema.flaws(of: try JSONValue(parsing: record.value), by: line).isEmpty, "\(record.value)")
        }
        #expect(try up.terminate() == 0)
    }

    /// What `orderflow topics acls` allows is what the roles have done, no less and no more: everybody has published every
    /// type that he may, and the groups are at work.
    private func expectLeastAccess(_ records: [TopicRecord], _ shop: Shop) throws {
        var settings = Settings(OrderflowApp.services)
        settings.log.shipLevel = .info
        let logs = settings.topics.names.logs
        let kafka = KafkaConfiguration(bootstrapServers: shop.broker.bootstrapServers, isDevBroker: true)
        let admin = try Admin(kafka, logger: Logger(label: "acls"))
        let answering = Set(settings.services.modules.flatMap(\.answers).map(\.group))
        let names = answering.union(settings.subscriptions.keys).sorted()
        var groups: [String: Set<String>] = [:]
        try eventually("every group has its partitions") {
            groups = Dictionary(
                uniqueKeysWithValues: try admin.describe(groups: names).map { group in
                    (group.name, Set(group.members.flatMap(\.partitions).map(\.topic)))
                })
            return groups.values.allSatisfy { !$0.isEmpty }
        }
        for module in OrderflowApp.services.modules {
            let access = TopicAccess(of: module, settings, principal: "p")
            let written = Set(records.filter { $0.headers["ce_source"] == "/orderflow/\(module.source)" }.map(\.topic))
                .union(
                    module.says.filter { !$0.value.isDisjoint(with: Self.seldom.values.flatMap(\.self)) }.keys.map(
                        \.defaultName))
            let letters = Set(
                access.groups.subtracting(answering).flatMap { group in
                    (groups[group] ?? []).map { DeadLetters.topic(of: $0, group: group) }
                })
            // A lane goes with its topic: not everybody has said something of an express order here.
            func lanes(_ topics: Set<String>) -> Set<String> {
                topics.union(topics.compactMap { settings.expressLanes[$0] })
            }
            #expect(access.writes == lanes(written).union(letters).union([logs]), "\(module.name)")
            let consumed = access.groups.reduce(into: Set<String>()) { $0.formUnion(groups[$1] ?? []) }
            #expect(access.reads == consumed.union(lanes(written)).union(letters), "\(module.name)")
        }
    }

    private func check(_ record: TopicRecord, _ message: JSONValue, _ schema: JSONSchema) throws {
        var headers = JSONObject()
        for (name, value) in record.headers { headers[name] = .string(value) }
        let flaws = schema.flaws(of: .object(headers), by: message["headers"] ?? false)
        #expect(flaws.isEmpty, "\(record.headers)")
    }

    private static func isLane(_ topic: String) -> Bool { topic.hasSuffix("-express") }
    private static func plain(_ topic: String) -> String { String(topic.dropLast("-express".count)) }

    private static func types(_ records: [TopicRecord]) -> Set<String> {
        Set(records.filter { $0.headers["ce_id"] != nil }.compactMap(\.type))
    }

    /// What a day like this doesn't bring, and tests of their own do: commands and mails that come too late, and payments
    /// that are closed where no saga does it (choreography).
    private static let seldom: [String: Set<String>] = [
        "order-events": ["CommandExpired", "NotificationExpired"], "payment-commands": ["ClosePaymentWindow"],
    ]

    private static func time(in seconds: Double) -> String {
        Date(timeIntervalSinceNow: seconds).formatted(.iso8601)
    }

    private static func order(_ more: String = "", sku: String = "ABC") -> String {
        #"{"userId":"alice","items":[{"sku":"\#(sku)","qty":1}],"total":49.99\#(more)}"#
    }
}
