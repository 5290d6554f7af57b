import Messaging
import OrderflowKit
import Orders

/// The read models, each of which can be rebuilt alone from all facts of the installation.
extension ReadModel {
    package static func orders(_ topics: Topics, _ facts: FactCatalogue) -> ReadModel {
        ReadModel(
            name: "orders", group: ReadModelGroup.orders, topics: topics.all(of: .orderEvents), tables: ["order_views"],
            reader: facts.reader(of: facts.orderFacts), migrations: ServiceDatabase.views.migrations,
            channel: OrderViewRows.channel, followsKeys: true,
            fold: { OrderViewFold(facts, capacity: $0) })
    }

    package static func invoices(_ topics: Topics, _ facts: FactCatalogue) -> ReadModel {
        ReadModel(
            name: "invoices", group: ReadModelGroup.invoices, topics: topics.all(of: .orderEvents),
            tables: ["invoice_orders"], reader: facts.reader(of: Purchase.reads),
            migrations: ServiceDatabase.views.migrations, followsKeys: true, fold: { _ in InvoiceFold() })
    }

    package static func sales(_ topics: Topics, _ facts: FactCatalogue) -> ReadModel {
        ReadModel(
            name: "sales", group: ReadModelGroup.sales, topics: topics.all(of: .orderEvents),
            tables: ["sales_orders", "customer_totals", "sales_by_article", "sales_by_currency"],
            reader: facts.reader(of: Purchase.reads), migrations: ServiceDatabase.views.migrations,
            fold: { _ in SalesFold() })
    }
}

extension FactCatalogue {
    /// As the groups themselves read.
    fileprivate func reader(of facts: FactCatalogue) -> RecordReader { RecordReader(types: facts.types, content: door) }
}
