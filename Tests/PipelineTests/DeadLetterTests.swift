import Foundation
import Kafka
import Logging
import TestServers
import TestShop
import Testing

/// Messages that can't be handled, seen by those who run the shop.
@Suite(.serialized, .servers) struct DeadLetterTests {
    /// What can't be read parks its key. Given up, it lets go of what came after it.
    @Test func unreadableMessagesParkTheirKeyUntilDiscarded() async throws {
        let shop = try Shop()
        let shipping = try shop.daemon("shipping")
        try shipping.start()
        try shop.publish("{no JSON", key: "o-1", to: "order-events")
        try shop.publish(Self.orderCreated("o-1"), key: "o-1", to: "order-events")
        try shop.publish(Self.orderCreated("o-2"), key: "o-2", to: "order-events")
        try eventually("the other key flows on") { try Self.facts(shop, "ShipmentCreated") == ["o-2"] }
        try eventually("the letter is on its topic") { try !Self.dead(shop, "shipping-group").isEmpty }

        let dead = try Self.dead(shop, "shipping-group")
        #expect(dead.map(\.value) == ["{no JSON"])
        #expect(dead.first?.key == "o-1")
        #expect(dead.first?.headers["orderflow_topic"] == "order-events")
        #expect(dead.first?.headers["orderflow_error"]?.isEmpty == false)

        let listed = try Self.letters(shop, "list", "--group", "shipping-group")
        let letter = try #require(listed.first)
        let name = try #require(letter["letter"] as? String)
        #expect(listed.count == 1)
        #expect(letter["key"] as? String == "o-1")
        #expect(letter["parkedBehind"] as? Int == 1)
        #expect(letter["value"] as? String == "{no JSON")
        #expect(try Self.letters(shop, "list", "--topic", "payment-commands").isEmpty)
        let parked = try #require(
            try Self.letters(shop, "list", "--parked").first { $0["status"] as? String == "parked" })

        // Only the head may be asked for, and asking doesn't make it readable.
        let parkedName = try #require(parked["letter"] as? String)
        try shop.run("deadletters", "retry", parkedName, "--note", "too early", "--by", "mo", expecting: 1)
        try shop.run("deadletters", "retry", name, "--note", "once more", "--by", "mo")
        try eventually("it failed again") {
            let again = try Self.letters(shop, "list").first
            return again?["status"] as? String == "dead" && again?["attempts"] as? Int == 2
        }
        #expect(try Self.facts(shop, "ShipmentCreated") == ["o-2"])

        try shop.run("deadletters", "discard", name, "--note", "a broken producer", "--by", "mo")
        try eventually("what was parked is handled") { try Self.facts(shop, "ShipmentCreated") == ["o-1", "o-2"] }
        #expect(try shop.run("deadletters", "list", "--json").isEmpty)
        let ended = try #require(
            try Self.letters(shop, "list", "--ended").first { $0["letter"] as? String == name })
        #expect(ended["status"] as? String == "discarded")
        #expect(ended["decidedBy"] as? String == "mo")
        #expect(ended["note"] as? String == "a broken producer")
        #expect(try shop.run("deadletters", "show", name).contains("a broken producer"))
        #expect(try shipping.terminate() == 0)
    }

    /// A handler that fails for a reason that passes: retried, the key goes on in the order of its messages.
    @Test func failedMessagesAreReleasedInOrder() async throws {
        let shop = try Shop()
        let inventory = try shop.daemon("inventory")
        try inventory.start()
        try shop.run("stock", "set", "ABC", "10")
        try shop.publish(Self.reserve("o-1"), key: "o-1", to: "inventory-commands")
        try eventually("the stock is reserved") { try Self.facts(shop, "StockReserved") == ["o-1"] }
        // Somebody deletes what the reservation counts on.
        _ = try shop.query("DELETE FROM stock", in: "inventory")
        try shop.publish(Self.release("o-1"), key: "o-1", to: "inventory-commands")
        try eventually("the release is dead") { try !Self.letters(shop, "list").isEmpty }
        for _ in 1...3 { try shop.publish(Self.reserve("o-1"), key: "o-1", to: "inventory-commands") }
        try shop.publish(Self.reserve("o-2"), key: "o-2", to: "inventory-commands")
        try eventually("the other key flows on") { try Self.facts(shop, "StockReserved") == ["o-1", "o-2"] }
        let letter = try #require(try Self.letters(shop, "list").first)
        #expect((letter["error"] as? String)?.contains("no stock level") == true)
        #expect(letter["parkedBehind"] as? Int == 3)
        #expect(try Self.dead(shop, "inventory-group", of: "inventory-commands").count == 1)

        _ = try shop.query(
            "INSERT INTO stock (tenant, sku, on_hand, reserved) VALUES ('default', 'ABC', 10, 2)", in: "inventory")
        try shop.run(
            "deadletters", "retry", "--all", "--group", "inventory-group", "--note", "the level is back", "--by", "mo")
        try eventually("everything is answered") { try Self.facts(shop, "StockRejected").count == 3 }
        let answers = try shop.records(of: "order-events").filter { $0.key == "o-1" }.compactMap(\.type)
        #expect(answers == ["StockReserved", "StockReleased", "StockRejected", "StockRejected", "StockRejected"])
        #expect(try shop.run("deadletters", "list", "--parked", "--json").isEmpty)
        #expect(try shop.query("SELECT on_hand, reserved FROM stock", in: "inventory") == [["10", "0"]])

        // The key flows again.
        try shop.publish(Self.release("o-1"), key: "o-1", to: "inventory-commands")
        try eventually("the key is free") { try Self.facts(shop, "StockReleased").count == 2 }
        #expect(try inventory.terminate() == 0)
    }

    /// What strangers can put on the topic, all at once, beside orders of ours: those end, what is sound of the
    /// strangers' is an order, and nobody acts on what anybody can't read.
    @Test func strangersHurtNobody() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let first = try await up.client.order()
        var kafka = KafkaConfiguration(bootstrapServers: shop.broker.bootstrapServers, isDevBroker: true)
        kafka.properties["message.max.bytes"] = "2000000"
        let producer = try Producer(
            ProducerConfiguration(kafka), logger: Logger(label: "stranger") { _ in SwiftLogNoOpLogHandler() })
        defer { producer.close(timeout: .seconds(5)) }
        func put(_ key: String, _ value: String?, _ headers: [KafkaHeader] = [], at time: Int64? = nil) throws {
            let record = OutgoingMessage(
                topic: "order-events", key: Array(key.utf8), value: value.map { Array($0.utf8) },
                headers: KafkaHeaders(headers), timestamp: time)
            for result in try producer.publish([record], timeout: .seconds(20)) { _ = try result.get() }
        }
        func source(_ source: String) -> [KafkaHeader] {
            [KafkaHeader("ce_id", [0x31]), KafkaHeader("ce_source", Array(source.utf8))]
        }
        try put("p1", "{broken", [KafkaHeader("trace", [UInt8](repeating: 0xFE, count: 990_000))])
        try put("n-1", Self.foreign("n-1", #","shippingAddress":"1 Main\u0000St""#))
        try put("n-2", Self.foreign("n-2", "").replacingOccurrences(of: "\"ABC\"", with: "\"A\\u0000\""))
        try put(first, nil)
        try put("b-1", Self.foreign("b-1", ""), source("/berlin"))
        try put("b-2", Self.foreign("b-2", ""), source("/paris"))
        try put("t-1", Self.foreign("t-1", ""), at: 1_767_225_600_000_000_000)
        var sound = [first, "b-1", "b-2", "t-1"]
        for _ in 1...5 { sound.append(try await up.client.order()) }
        for id in sound {
            try await eventually(within: .seconds(60), "order \(id) is confirmed") {
                try await up.client.view(id)?["status"] as? String == "confirmed"
            }
        }
        // But for webhooks' group: nobody has one.
        let everybody = [
            "inventory-group", "invoicing-group", "notification-group", "order-group", "projection-group", "saga-group",
            "sales-group", "shipping-group",
        ]
        // Some groups are a second behind the orders' end.
        var letters: [[String: Any]] = []
        try eventually("every group has judged them") {
            letters = try Self.letters(shop, "list", "--parked")
            return letters.count >= 8 + 7 + 7
        }
        func groups(_ key: String) -> [String] {
            letters.filter { $0["key"] as? String == key }.compactMap { $0["group"] as? String }.sorted()
        }
        #expect(groups("p1") == everybody)
        // Inventory hears of orders by command.
        for id in ["n-1", "n-2"] { #expect(groups(id) == everybody.filter { $0 != "inventory-group" }) }
        #expect(letters.count == 8 + 7 + 7, "\(letters)")
        for service in ["payment", "shipping", "inventory"] {
            let table = ["payment": "payments", "shipping": "shipments", "inventory": "reservations"][service] ?? ""
            #expect(try shop.query("SELECT count(*) FROM \(table) WHERE order_id LIKE 'n-%'", in: service) == [["0"]])
        }
        try eventually("the copies are out") {
            try everybody.allSatisfy { try Self.dead(shop, $0).contains { $0.key == "p1" } }
        }
        let copy = try #require(try Self.dead(shop, "shipping-group").first { $0.key == "p1" })
        #expect(copy.value == "{broken")
        #expect(copy.headers["orderflow_headers_truncated"] == "1 headers of 990000 bytes left out")

        let newest = try await up.client.get("/orders?limit=1").json()
        #expect((newest["orders"] as? [[String: Any]])?.first?["orderId"] as? String == "t-1")
        let next = try #require(newest["nextCursor"] as? String)
        let more = try await up.client.get("/orders?limit=200&cursor=\(next)").json()
        #expect((more["orders"] as? [[String: Any]])?.count == sound.count - 1)
        #expect(try shop.run("replay", "order-events", "--key", "t-1").contains("9999-12-31T23:59:59.999999Z"))
        #expect(try up.terminate() == 0)
    }

    /// Orders are under way: this version leads them on, and one that would ask others to undo them doesn't.
    private static func checkSagas(_ shop: Shop) throws {
        let summary = try #require(try lines(shop.run("sagas", "check", "--json")).last)
        #expect(summary["open"] as? Int == 2 && summary["differing"] as? Int == 0)
        let elsewhere = ["--set", "topics.inventory_commands=elsewhere"]
        let found = try lines(shop.run(["sagas", "check", "--json"] + elsewhere, expecting: 1))
        #expect(Set(found.compactMap { $0["orderId"] as? String }) == ["o-1", "o-2"])
        let difference = try #require((found.first?["differences"] as? [[String: Any]])?.first)
        #expect(difference["what"] as? String == "lost-compensation" && difference["step"] as? String == "stock")
        #expect(difference["stands"] as? String == "ReleaseStock on inventory-commands")
        #expect(difference["would"] as? String == "ReleaseStock on elsewhere")
        try shop.run(["saga", "--port", "0"] + elsewhere, expecting: 78)
    }

    /// The saga waits for inventory, whose message to do it lies behind a letter: who looks after orders is told at once,
    /// and no longer than it is so.
    @Test func anOrderBehindALetterNeedsAttention() async throws {
        let shop = try Shop()
        let daemons = try ["inventory", "saga"].map { try shop.daemon($0) }
        for daemon in daemons { try daemon.start() }
        try shop.publish("{no JSON", key: "o-1", to: "inventory-commands")
        try eventually("the letter is there") { try !Self.letters(shop, "list").isEmpty }
        // No saga waits for it yet.
        #expect(try shop.run("sagas", "list", "--attention", "--json") == "")
        try shop.publish(Self.orderCreated("o-1"), key: "o-1", to: "order-events")
        try shop.publish(Self.orderCreated("o-2"), key: "o-2", to: "order-events")
        try eventually("the order waits behind the letter") {
            try Self.letters(shop, "list").first?["parkedBehind"] as? Int == 1
        }
        let name = try #require(try Self.letters(shop, "list").first?["letter"] as? String)
        let listed = try Self.lines(shop.run("sagas", "list", "--attention", "--json"))
        #expect(listed.map { $0["orderId"] as? String } == ["o-1"])
        let held = try #require(listed.first?["heldBy"] as? [[String: Any]])
        #expect(held.map { $0["letter"] as? String } == [name])
        #expect(held.map { $0["group"] as? String } == ["inventory-group"])
        #expect(
            try shop.run("sagas", "list", "--attention").contains("held up by dead letter \(name) of inventory-group"))
        #expect(try shop.run("sagas", "list", "--attention", "--tenant", "acme", "--json") == "")
        #expect(try shop.run("sagas", "show", "o-1").contains("dead letter \(name)"))
        #expect(try !shop.run("sagas", "show", "o-2").contains("dead letter"))
        try Self.checkSagas(shop)
        let status = try Self.lines(shop.output("status", "--json"))
        let shown = try #require(status.first?["held"] as? [[String: Any]])
        #expect(shown.map { $0["orderId"] as? String } == ["o-1"])
        #expect(shown.map { $0["letters"] as? [String] } == [[name]])
        #expect(try shop.output("status").contains("ORDERS HELD UP"))

        try shop.run("deadletters", "discard", name, "--note", "a broken producer", "--by", "mo")
        try eventually("both are reserved") { try Self.facts(shop, "StockReserved") == ["o-1", "o-2"] }
        #expect(try shop.run("sagas", "list", "--attention", "--json") == "")
        for daemon in daemons { #expect(try daemon.terminate() == 0) }
    }

    // MARK: What is sent and seen

    /// An order without a time of its own.
    static func foreign(_ id: String, _ more: String) -> String {
        #"{"type":"OrderCreated","payload":{"orderId":"\#(id)","userId":"u","items":[{"sku":"ABC","qty":1}],"total":10,"currency":"USD"\#(more)}}"#
    }

    static func orderCreated(_ id: String) -> String {
        #"{"type":"OrderCreated","version":1,"payload":{"orderId":"\#(id)","userId":"alice","items":[{"sku":"ABC","qty":2}],"total":49.99,"currency":"USD","createdAt":"2026-01-01T00:00:00Z"}}"#
    }

    static func reserve(_ id: String) -> String {
        #"{"type":"ReserveStock","payload":{"orderId":"\#(id)","items":[{"sku":"ABC","qty":2}]}}"#
    }

    static func release(_ id: String) -> String { #"{"type":"ReleaseStock","payload":{"orderId":"\#(id)"}}"# }

    /// Keys of our facts, sorted: a topic has no order across partitions.
    static func facts(_ shop: Shop, _ type: String) throws -> [String] {
        try shop.records(of: "order-events").filter { $0.type == type && $0.headers["ce_id"] != nil }
            .compactMap(\.key).sorted()
    }

    static func dead(_ shop: Shop, _ group: String, of topic: String = "order-events") throws -> [TopicRecord] {
        try shop.records(of: "\(topic).\(group).dlt")
    }

    static func letters(_ shop: Shop, _ arguments: String...) throws -> [[String: Any]] {
        try lines(shop.run(["deadletters"] + arguments + ["--json"]))
    }

    static func lines(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }
}
