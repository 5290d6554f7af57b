import Messaging
import OrderflowKit
import Orders

/// The read models, each of which can be rebuilt alone.
extension ReadModel {
    package static func orders(_ topics: Topics) -> ReadModel {
        ReadModel(
            name: "orders", group: ReadModelGroup.orders, topics: [topics.orderEvents], tables: ["order_views"],
            reader: reader(FactType.all), migrations: ServiceDatabase.views.migrations, channel: OrderViewRows.channel,
            fold: { OrderViewFold(capacity: $0) })
    }

    package static func invoices(_ topics: Topics) -> ReadModel {
        ReadModel(
            name: "invoices", group: ReadModelGroup.invoices, topics: [topics.orderEvents, topics.userEvents],
            tables: ["invoice_orders", "invoice_recipients"], reader: reader(Purchase.types.union(UserFactType.all)),
            migrations: ServiceDatabase.views.migrations, fold: { _ in InvoiceFold() })
    }

    package static func sales(_ topics: Topics) -> ReadModel {
        ReadModel(
            name: "sales", group: ReadModelGroup.sales, topics: [topics.orderEvents],
            tables: ["sales_orders", "customer_totals", "sales_by_article", "sales_by_currency"],
            reader: reader(Purchase.types), migrations: ServiceDatabase.views.migrations, fold: { _ in SalesFold() })
    }

    /// As the groups themselves read.
    private static func reader(_ types: Set<String>) -> RecordReader {
        RecordReader(types: types, content: MessageContent.door)
    }
}
