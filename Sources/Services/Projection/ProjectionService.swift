import Messaging
import OrderflowKit

extension ServiceModule {
    /// The read side's writer: one consumer group a read model, so that each can be rebuilt alone.
    ///
    ///     order-events              ─> projection-group ─> order_views
    ///     order-events, user-events ─> invoicing-group  ─> invoice_orders, invoice_recipients
    ///     order-events              ─> sales-group      ─> sales_orders and sums: customers, articles, currencies by day
    public static let projection = ServiceModule(
        "projection", port: 4, summary: "folds every fact into the read models"
    ) {
        Explained(
            "Fold every fact into the read models.",
            """
            Keeps the documents that GET /orders/{id} and GET /orders answer with. Consumer group projection-group; \
            the read models can be rebuilt from the topic at any time.
            """,
            examples: """
                  orderflow projection
                """)
        ServiceDatabase.views
        // The documents themselves know which facts they have, and every statement of the others can be repeated: an
        // inbox would double the writes.
        Consumes(
            ConsumerGroup(
                ReadModelGroup.orders, reads: [.init(.orderEvents)], usesInbox: false, urgency: .immediate
            ) { OrderViewProjection($0.facts) })
        Consumes(
            ConsumerGroup(
                ReadModelGroup.invoices, reads: [.init(.orderEvents), .init(.userEvents)], usesInbox: false,
                urgency: .leisurely
            ) { _ in InvoicingHandler() })
        Consumes(
            ConsumerGroup(
                ReadModelGroup.sales, reads: [.init(.orderEvents)], usesInbox: false, urgency: .leisurely
            ) { _ in SalesHandler() })
        RebuiltModel("orders") { .orders($0, $1) }
        RebuiltModel("invoices") { .invoices($0, $1) }
        Replicates("recipients", keptBy: ReadModelGroup.invoices) { _ in .recipients }
        // Customers are sums over the same orders.
        RebuiltModel("sales", "customers") { .sales($0, $1) }
    }
}

/// The groups that keep the read models.
package enum ReadModelGroup {
    package static let orders = "projection-group"
    package static let invoices = "invoicing-group"
    package static let sales = "sales-group"
}
