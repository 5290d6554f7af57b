import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow groups`, on a shop at work and on one that is stopped.
@Suite(.serialized, .servers) struct GroupsTests {
    private static let groups = [
        "inventory-group", "invoicing-group", "notification-group", "order-group", "payment-group",
        "projection-group", "saga-group", "sales-group", "shipping-group",
        "webhooks-group",
    ]

    @Test func aResetRepeatsNothing() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        _ = try await up.client.order()
        _ = try await up.client.order(
            #"{"userId":"bob","items":[{"sku":"ABC","qty":1}],"total":5,"paymentToken":"tok_declined"}"#)
        try Self.waitUntilSettled(shop)
        let (mails, records) = (try shop.mails().count, try shop.records(of: "order-events").count)
        #expect(try Self.refusal(shop, "shipping-group", "--to", "earliest").contains("shipping-group is active"))
        #expect(try up.terminate() == 0)

        let before = try shop.run("groups", "lag", "shipping-group", "--json")
        let planned = try Self.lines(
            shop.run("groups", "reset", "shipping-group", "--to", "earliest", "--dry-run", "--json"))
        // Of the topic and of its lane.
        #expect(planned.count == 12)
        #expect(planned.compactMap { $0["again"] as? Int }.reduce(0, +) == records)
        #expect(try shop.run("groups", "lag", "shipping-group", "--json") == before)

        for group in Self.groups { try shop.run("groups", "reset", group, "--to", "earliest") }
        let lag = try Self.lines(shop.run("groups", "list", "--json"))
        #expect(lag.compactMap { $0["group"] as? String } == Self.groups)
        #expect(lag.allSatisfy { ($0["lag"] as? Int ?? 0) > 0 })
        try up.start()
        try await up.waitUntilReady()
        try Self.waitUntilSettled(shop)
        #expect(try shop.mails().count == mails)
        #expect(try shop.records(of: "order-events").count == records)
        #expect(try up.terminate() == 0)

        // As after the inbox's 7 days: what is left are the effects' own keys. A repeated command is answered again.
        for service in ["orders", "views", "shipping", "notification", "payment", "inventory", "saga", "webhooks"] {
            _ = try shop.query("DELETE FROM inbox", in: service)
        }
        for group in Self.groups { try shop.run("groups", "reset", group, "--to", "earliest") }
        try up.start()
        try await up.waitUntilReady()
        try Self.waitUntilSettled(shop)
        #expect(try shop.mails().count == mails)
        let answers = try Self.answers(shop)
        #expect(answers.allSatisfy { $0.value == 1 }, "\(answers)")
        #expect(try up.terminate() == 0)
    }

    /// How many different answers there are of each kind to each order: one that is repeated says the same.
    private static func answers(_ shop: Shop) throws -> [String: Int] {
        var said: [String: Set<String>] = [:]
        for record in try shop.records(of: "order-events") {
            let type = record.type ?? ""
            let payload = record.payload
            let detail = payload["reference"] ?? payload["shipmentId"] ?? payload["messageId"] ?? type
            said["\(type) of \(record.key ?? "")", default: []].insert("\(detail)")
        }
        return said.mapValues(\.count)
    }

    /// One for two tests, of different groups.
    private static let stopped = Result { try Shop() }

    @Test func whatIsNotReadIsPassedOverOnRequestAlone() async throws {
        let shop = try Self.stopped.get()
        for number in 0..<10 { try shop.produce("no JSON", key: "k\(number)", to: "order-events") }
        let refusal = try Self.refusal(shop, "sales-group", "--to", "latest")
        #expect(refusal.contains("passes over 10 records"))
        #expect(refusal.contains("--skip"))
        #expect(try Self.lag(shop, "sales-group") == 10)
        // In two steps: those of one partition, then the rest, by the time.
        let first = try Self.lines(shop.run("groups", "lag", "sales-group", "--json")).first {
            $0["end"] as? Int ?? 0 > 1
        }
        let (partition, end) = (try #require(first?["partition"] as? Int), try #require(first?["end"] as? Int))
        try shop.run("groups", "reset", "sales-group", "--to-offset", "1", "--partition", "\(partition)", "--skip")
        #expect(try Self.lag(shop, "sales-group") == 9)
        // Beyond the end there is nothing to go to.
        try shop.run("groups", "reset", "sales-group", "--to-offset", "999", "--partition", "\(partition)", "--skip")
        #expect(try Self.lag(shop, "sales-group") == 10 - end)
        try shop.run("groups", "reset", "sales-group", "--to-time", "0s", "--skip")
        #expect(try Self.lag(shop, "sales-group") == 0)
        try shop.run("groups", "reset", "sales-group", "--to-time", "1h")
        #expect(try Self.lag(shop, "sales-group") == 10)
        #expect(try Self.refusal(shop, "nobody", "--to", "latest").contains("nobody is none of"))
        #expect(try Self.refusal(shop, "sales-group", "--to", "latest", "--topic", "no").contains("no such partition"))
    }

    /// A member that was killed is a member until its session ends, which for the dev broker is never.
    @Test func aDeadMemberIsToldFromALivingOne() async throws {
        let shop = try Self.stopped.get()
        let shipping = try shop.daemon("shipping")
        try shipping.start()
        try await shipping.waitUntilReady()
        try shop.waitUntilShared("shipping-group", members: 1)
        let reset = ["groups", "reset", "shipping-group", "--to", "earliest", "--members-are-dead"]
        let living = try #require(throws: CommandFailed.self) { try shop.run(reset) }
        #expect(living.output.contains("orderflow shipping is connected"), "\(living.output)")
        try shipping.kill()
        try eventually("its sessions end") {
            try shop.query(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'orderflow shipping'", in: "shipping"
            ).isEmpty
        }
        #expect(try Self.refusal(shop, "shipping-group", "--to", "earliest").contains("shipping-1@"))
        try shop.run(reset)
    }

    private static func waitUntilSettled(_ shop: Shop) throws {
        try eventually(within: .seconds(60), "all orders are at their end, and nothing waits") {
            let summary = try lines(shop.output("status", "--verify", "--settle", "0s", "--json")).last
            guard summary?["confirmed"] as? Int == 1, summary?["cancelled"] as? Int == 1,
                summary?["broken"] as? Int == 0
            else { return false }
            return try lines(shop.run("groups", "list", "--json")).allSatisfy { $0["lag"] as? Int == 0 }
        }
    }

    private static func lag(_ shop: Shop, _ group: String) throws -> Int {
        try lines(shop.run("groups", "lag", group, "--json")).compactMap { $0["lag"] as? Int }.reduce(0, +)
    }

    private static func refusal(_ shop: Shop, _ arguments: String...) throws -> String {
        try #require(throws: CommandFailed.self) { try shop.run(["groups", "reset"] + arguments) }.output
    }

    private static func lines(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }
}
