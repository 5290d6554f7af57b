import Messaging
import OrderflowKit
import Orders
import Postgres

/// Keeps invoices by events alone: orders, users and accounts go into tables of their own, each in whatever order it
/// comes, and an invoice is what they say together. So an order that is heard of before its user comes right when the
/// user does, and every statement can be repeated.
struct InvoicingHandler: BatchHandler {
    let types = Purchase.types.union(UserFactType.all)

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var fold = InvoiceFold()
        for message in messages { try fold.add(message) }
        try fold.write(on: connection)
    }
}

/// Facts of orders and users, on their way into invoices.
struct InvoiceFold: HistoryFold {
    private var orders: [OrderKey: Purchase] = [:]
    private var recipients: [InvoiceRecipient.Key: InvoiceRecipient] = [:]

    mutating func add(_ message: InboundMessage) throws(MessageRejected) {
        if let fact = try message.orderFact() {
            let key = OrderKey(tenant: message.tenant, orderID: fact.orderID)
            orders[key, default: Purchase(key)].apply(fact)
        } else if let fact = try message.userFact() {
            let key = InvoiceRecipient.Key(tenant: message.tenant, userID: fact.userID)
            recipients[key, default: InvoiceRecipient(key)].apply(fact, id: message.identity)
        }
    }

    func write(on connection: Connection) throws {
        try InvoiceStore.save(orders.values.sorted { $0.key < $1.key }, on: connection)
        try InvoiceStore.save(recipients.values.sorted { $0.key < $1.key }, on: connection)
    }
}
