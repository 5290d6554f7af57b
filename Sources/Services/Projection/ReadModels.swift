import Messaging
import OrderflowKit
import Orders

extension ProjectionService {
    /// The read models, each of which can be rebuilt alone.
    public static func readModels(_ topics: Topics) -> [ReadModel] {
        [
            ReadModel(
                name: "orders", group: ConsumerGroup.projection, topics: [topics.orderEvents], tables: ["order_views"],
                reader: reader(FactType.all), migrations: migrations, channel: OrderViewRows.channel,
                fold: { OrderViewFold(capacity: $0) }),
            ReadModel(
                name: "invoices", group: ConsumerGroup.invoicing, topics: [topics.orderEvents, topics.userEvents],
                tables: ["invoice_orders", "invoice_recipients"],
                reader: reader(Purchase.types.union(UserFactType.all)),
                migrations: migrations, fold: { _ in InvoiceFold() }),
            // Customers are sums over the same orders.
            ReadModel(
                name: "sales", group: ConsumerGroup.sales, topics: [topics.orderEvents],
                tables: ["sales_orders", "customer_totals", "sales_by_article", "sales_by_currency"],
                reader: reader(Purchase.types), migrations: migrations, fold: { _ in SalesFold() }),
        ]
    }

    /// As the groups themselves read.
    private static func reader(_ types: Set<String>) -> RecordReader {
        RecordReader(types: types, content: MessageContent.door)
    }
}
