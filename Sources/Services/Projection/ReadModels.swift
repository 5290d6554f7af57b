import Messaging
import OrderflowKit
import Orders

extension ProjectionService {
    /// The read models, each of which can be rebuilt alone.
    ///
    /// - Parameter facts: all of the installation.
    public static func readModels(_ topics: Topics, _ facts: FactCatalogue) -> [ReadModel] {
        // As the groups themselves read.
        func reader(_ types: Set<String>) -> RecordReader { RecordReader(types: types, content: facts.door) }
        return [
            ReadModel(
                name: "orders", group: ConsumerGroup.projection, topics: [topics.orderEvents], tables: ["order_views"],
                reader: reader(facts.orderFacts.types), migrations: migrations, channel: OrderViewRows.channel,
                fold: { OrderViewFold(facts, capacity: $0) }),
            ReadModel(
                name: "invoices", group: ConsumerGroup.invoicing, topics: [topics.orderEvents, topics.userEvents],
                tables: ["invoice_orders", "invoice_recipients"],
                reader: reader(InvoiceFold.reads.types),
                migrations: migrations, fold: { _ in InvoiceFold() }),
            // Customers are sums over the same orders.
            ReadModel(
                name: "sales", group: ConsumerGroup.sales, topics: [topics.orderEvents],
                tables: ["sales_orders", "customer_totals", "sales_by_article", "sales_by_currency"],
                reader: reader(Purchase.reads.types), migrations: migrations, fold: { _ in SalesFold() }),
        ]
    }
}
