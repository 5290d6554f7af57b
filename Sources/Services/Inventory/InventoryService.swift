import InventoryFacts
import Messaging
import OrderflowKit
import Orders
import Postgres

extension ServiceModule {
    /// Inventory: sets stock aside for orders, all of an order's lines or none.
    ///
    ///     orchestration              choreography
    ///     ReserveStock               OrderCreated    ─> StockReserved | StockRejected
    ///     ReleaseStock               OrderCancelled  ─> StockReleased
    ///     OrderConfirmed             OrderConfirmed  ─> (the goods leave; no fact)
    ///     QuoteRequest               QuoteRequest    ─> Quote, to who asks
    ///
    /// A confirmed order's pieces are taken off `on_hand` at once: shipping dispatches on the same fact.
    public static let inventory = ServiceModule("inventory", port: 6, summary: "reserves and releases stock") {
        Explained(
            "Reserve and release stock.",
            """
            Sets stock aside for an order, all of its lines or none, and tells StockReserved or StockRejected on \
            order-events; takes it off the shelf at OrderConfirmed, puts it back when asked to undo. An article that \
            nobody has set a level for is as inventory.unknown_sku says. Consumer group inventory-group. Levels: \
            POST /stock, GET /stock and GET /stock/{sku} on this role's port, or `orderflow stock`. Answers what POST \
            /quotes of the API asks, as the group inventory-quote-requests-group.
            """,
            examples: """
                  orderflow inventory --set inventory.unknown_sku=reject
                  curl -X POST localhost:3006/stock -H 'Content-Type: application/json' -d '{"sku":"ABC","quantity":100}'
                  curl localhost:3006/stock/ABC
                """)
        ServiceDatabase.inventory
        Owns(.inventoryCommands, .quoteRequests)
        Publishes(StockReserved.self, StockRejected.self, StockReleased.self, on: .orderEvents)
        Accepts(ReserveStock.self, ReleaseStock.self, on: .inventoryCommands)
        FulfilmentStep(
            "stock", title: "Reserve stock",
            asks: .init(.inventoryCommands) { order, _ in ReserveStock(orderID: order.orderID, items: order.items) },
            succeededBy: [StockReserved.type], failedBy: [StockRejected.type], within: .seconds(900),
            undoneBy: .init(
                .init(.inventoryCommands) { order, _ in ReleaseStock(orderID: order.orderID) },
                doneBy: [StockReleased.type]))
        // Reservations remember what they have heard.
        Consumes(
            ConsumerGroup(
                InventoryGroup.name, reads: [.init(.inventoryCommands, in: .orchestration), .init(.orderEvents)],
                usesInbox: false
            ) { context in
                InventoryHandler(
                    mode: context.settings.mode, unknownSKU: context.settings[InventorySettings.self].unknownSKU,
                    topic: context.topics.orderEvents, source: context.source)
            })
        Answers(QuoteRequest.self, on: .quoteRequests) { context in
            let unknownSKU = context.settings[InventorySettings.self].unknownSKU
            return { try QuoteAnswers.answers(to: $0, unknownSKU: unknownSKU, on: $1) }
        }
        Serves(pool: "stock") { database in StockRoutes(database: database).routes }
        SettingKey(
            "inventory.unknown_sku", \InventorySettings.unknownSKU, .choice,
            "An article nobody has set a stock for: as many as asked for, or refused.")
        Alert(
            "OrderflowStockRejections",
            #"""
            sum(rate(orderflow_stock_requests_total{outcome="rejected"}[15m]))
            / sum(rate(orderflow_stock_requests_total{outcome=~"reserved|rejected"}[15m])) > 0.5
            """#,
            for: "15m", .ticket,
            "{{ $value | humanizePercentage }} of the orders are cancelled for want of stock")
        Measures([
            "orderflow_stock_requests_total": "Answers of inventory by what they say."
        ])
    }
}

/// How inventory takes articles that it knows nothing of.
package struct InventorySettings: SettingsSection {
    package var unknownSKU = StockLevels.UnknownSKU.unlimited

    package init() {}
}

/// The service's consumer group.
package enum InventoryGroup {
    package static let name = "inventory-group"
}
