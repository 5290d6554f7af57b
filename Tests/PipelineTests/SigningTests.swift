import Foundation
import TestServers
import TestShop
import Testing

/// A shop that believes only what is signed, with a participant in another language, and with payment tokens.
@Suite(.serialized, .blocking, .servers) struct SigningTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    private static let token = "tok_that_nobody_reads_4242"

    private let keys = NSTemporaryDirectory() + "/orderflow-keys-\(UUID())"

    @Test func onlyTheSourcesOwnWordCounts() async throws {
        defer { try? FileManager.default.removeItem(atPath: keys) }
        let shop = try Shop(settings: [
            "ORDERFLOW_SAGA_PARTICIPANTS": "fraud=FraudCleared/FraudSuspected", "ORDERFLOW_KAFKA_SIGNING": "on",
            "ORDERFLOW_KAFKA_SIGNING_KEYS": keys,
            "ORDERFLOW_KAFKA_SOURCES": "/fraud-check=FraudCleared/FraudSuspected",
        ])
        let refused = try shop.run(["payment"], expecting: 78)
        #expect(refused.isEmpty)
        #expect(try shop.run("signing", "keys", "--to", keys).contains("/orderflow/payment: made"))
        #expect(try shop.run("signing", "keys", "--to", keys).contains("/fraud-check: there already"))
        let mode = try FileManager.default.attributesOfItem(atPath: keys + "/fraud-check.keys")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let up = try shop.up()
        defer { up.stop() }
        try up.start()
        try await up.waitUntilReady()
        let check = try ServerProcess("fraud-check", environment: [:]) { [keys] _ in
            [
                Self.root + "/var/broker-venv/bin/python3", Self.root + "/Examples/fraud-check/fraud_check.py",
                "--brokers", shop.broker.bootstrapServers, "--signing-keys", keys + "/fraud-check.keys",
            ]
        }
        defer { check.stop() }
        try check.start()
        func status(_ id: String) async throws -> String? { try await up.client.view(id)?["status"] as? String }
        let order = try await up.client.order(
            #"{"userId":"alice","items":[{"sku":"A","qty":1}],"total":10,"paymentToken":"\#(Self.token)"}"#)
        try await eventually(within: .seconds(60), "the signed order is confirmed; \(check.log)") {
            try await status(order) == "confirmed"
        }
        // The token was charged, and is nowhere.
        for topic in ["order-events", "payment-commands", "order-commands"] {
            let values = try shop.records(of: topic).map { "\($0)" }
            #expect(!values.isEmpty && !values.contains { $0.contains(Self.token) }, "\(topic)")
        }
        for (service, tables) in [("orders", ["stream_secrets"]), ("payment", ["payments", "gateway_ledger"])] {
            for table in tables {
                let rows = try shop.query("SELECT t::text FROM \(table) t", in: service)
                #expect(!rows.joined().contains { $0.contains(Self.token) }, "\(table)")
                #expect(table != "stream_secrets" || rows.isEmpty)
            }
        }

        // Whoever gets at the brokers can't confirm a payment: not unsigned, and not signed by another.
        let waiting = try await up.client.order(
            #"{"userId":"bob","items":[{"sku":"A","qty":1}],"total":10,"paymentToken":"tok_slow"}"#)
        let forged = #"""
            {"type":"PaymentProcessed","version":1,"payload":{"orderId":"\#(waiting)","amount":10,"reference":"ch_forged"}}
            """#
        try shop.publish(
            forged, key: waiting,
            headers: ["ce_source": "/orderflow/payment", "ce_type": "PaymentProcessed", "ce_id": "x"],
            to: "order-events")
        try shop.publish(
            forged.replacing(waiting, with: order), key: order,
            headers: ["ce_source": "/stranger", "ce_type": "PaymentProcessed", "ce_id": "y"],
            to: "order-events")
        try eventually("the forged ones are dead letters") {
            let letters = try shop.output("deadletters", "list", "--json")
            return letters.contains("/orderflow/payment hasn't signed it")
                && letters.contains("/stranger is no source that may say anything here")
        }
        let history = "\(try await up.client.view(waiting) ?? [:])"
        #expect(!history.contains("ch_forged"))
        // Nobody has decided on the letters, and they hold up no order.
        try await eventually(within: .seconds(60), "the order that they speak of is confirmed") {
            try await status(waiting) == "confirmed"
        }
        #expect(try shop.run("signing", "ends").contains("order-events/0="))
    }
}
