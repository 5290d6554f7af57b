import Messaging
import OrderflowKit
import Orders
import OrderFacts
import Postgres
import UserFacts

/// Keeps invoices by events alone: orders, users and accounts go into tables of their own, each in whatever order it
/// comes, and an invoice is what they say together. So an order that is heard of before its user comes right when the
/// user does, and every statement can be repeated.
struct InvoicingHandler: BatchHandler {
    let types = InvoiceFold.reads.types

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var fold = InvoiceFold()
        for message in messages { try fold.add(message) }
        try fold.write(on: connection)
    }
}

/// Facts of orders and users, on their way into invoices.
struct InvoiceFold: HistoryFold {
    static let reads: FactCatalogue = [
        OrderCreated.self, OrderConfirmed.self, OrderCancelled.self, UserCreated.self, AccountCreated.self,
    ]

    private var orders: [OrderKey: Purchase] = [:]
    private var recipients = ReplicaFold(.recipients)

    mutating func add(_ message: InboundMessage) throws(MessageRejected) {
        guard let fact = try message.payload(of: Self.reads) else { return }
        if fact is any UserFact {
            recipients.add(fact, of: message)
        } else {
            let key = OrderKey(tenant: message.tenant, orderID: fact.key)
            orders[key, default: Purchase(key)].apply(fact)
        }
    }

    func write(on connection: Connection) throws {
        try InvoiceStore.save(orders.values.sorted { $0.key < $1.key }, on: connection)
        try recipients.write(on: connection)
    }
}
