import Foundation
import TestServers
import TestShop
import Testing

/// A participant of the fulfilment that isn't ours and knows nothing but Kafka: Examples/fraud-check.
@Suite(.serialized, .blocking, .servers) struct ParticipantTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    @Test(arguments: ["orchestration", "choreography"])
    func noOrderIsConfirmedWithoutItsWord(_ mode: String) async throws {
        let shop = try Shop(settings: [
            "ORDERFLOW_SAGA_PARTICIPANTS": "fraud=FraudCleared/FraudSuspected", "ORDERFLOW_SAGA_MODE": mode,
        ])
        let up = try shop.up()
        defer { up.stop() }
        try up.start()
        try await up.waitUntilReady()
        func order(_ total: String) async throws -> String {
            try await up.client.order(#"{"userId":"alice","items":[{"sku":"A","qty":1}],"total":\#(total)}"#)
        }
        let small = try await order("10.00")
        let large = try await order("5000.00")
        func status(_ id: String) async throws -> String? { try await up.client.view(id)?["status"] as? String }
        try eventually("everything but its word is there") {
            try shop.records(of: "order-events").filter { ["PaymentProcessed", "ShipmentCreated"].contains($0.type) }
                .count == 4
        }
        #expect(try await status(small) == "pending")

        let check = try ServerProcess("fraud-check", environment: [:]) { _ in
            [
                Self.root + "/var/broker-venv/bin/python3", Self.root + "/Examples/fraud-check/fraud_check.py",
                "--brokers", shop.broker.bootstrapServers,
            ]
        }
        defer { check.stop() }
        try check.start()
        try await eventually("one is cleared and the other isn't; its log: \(check.log)") {
            let (one, other) = (try await status(small), try await status(large))
            return one == "confirmed" && other == "cancelled"
        }
        let reason = try await up.client.view(large)?["cancellationReason"] as? String
        #expect(reason?.contains("a total above 1000") == true, "\(reason ?? "no reason")")

        // Killed at any moment, it says the same again with the same id, which changes nothing.
        try check.kill()
        let next = try await order("20.00")
        try check.start()
        try await eventually(within: .seconds(60), "the next one is confirmed") {
            try await status(next) == "confirmed"
        }
        #expect(try await status(large) == "cancelled")
    }
}
