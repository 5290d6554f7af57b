import TestServers
import TestShop
import Testing

/// What was said while nobody of the saga ran.
@Suite(.serialized, .servers) struct SagaDowntimeTests {
    /// The deadline passes while the saga is down, and the answer came before it: the order goes on.
    @Test func anAnswerInTimeIsHeardLate() async throws {
        let shop = try Shop(settings: ["ORDERFLOW_SAGA_STOCK_DEADLINE": "6s"])
        let (api, saga, inventory) = (
            try shop.daemon("api"), try shop.daemon("saga"), try shop.daemon("inventory")
        )
        try api.start()
        try saga.start()
        try await saga.waitUntilReady()
        try await api.waitUntilReady()
        let order = try await api.client.order()
        try await eventually(within: .seconds(30), "stock is asked for") {
            try shop.records(of: "inventory-commands").contains { $0.key == order }
        }
        try saga.kill()
        try inventory.start()
        try await eventually(within: .seconds(30), "inventory answers") {
            try shop.records(of: "order-events").contains { $0.key == order && $0.value.contains("StockReserved") }
        }
        try await eventually(within: .seconds(30), "the deadline is over") {
            try shop.query("SELECT due_at < now() FROM saga_instances WHERE id = '\(order)'", in: "saga") == [["t"]]
        }
        let others = try ["payment", "shipping"].map { try shop.daemon($0) }
        for other in others { try other.start() }
        try saga.start()
        try await eventually(within: .seconds(60), "it ends") {
            try shop.query(
                "SELECT 1 FROM saga_instances WHERE id = '\(order)' AND ended_at IS NOT NULL", in: "saga"
            ).count == 1
        }
        let status = try shop.query("SELECT status FROM saga_instances WHERE id = '\(order)'", in: "saga")
        #expect(status == [["completed"]])
    }
}
