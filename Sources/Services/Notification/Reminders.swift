import Execution
import Messaging
import NotificationFacts
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// Mails that remind customers of orders which will be placed soon: each waits for its time as a fact of the service's own,
/// and is taken back where the order is withdrawn.
struct Reminders: Sendable {
    /// How long before the order is placed; nil reminds nobody.
    var before: Duration?

    /// What has the customer reminded; nil where nobody is to be, or it is too late for that.
    func reminder(
        of order: OrderScheduled, _ message: InboundMessage, topic: String, source: String, at now: Int64
    ) throws -> OutgoingEvent? {
        guard let before else { return nil }
        let time = order.placeAt - before.microseconds
        guard time > now else { return nil }
        // A copy of the order is no second reminder.
        let id = UUIDText.v5(name: "\(message.tenant)\0\(order.orderID)\0\(OrderReminderDue.type)")
        let fact = OrderReminderDue(orderID: order.orderID, placeAt: order.placeAt, at: time)
        return try OutgoingEvent(
            fact, topic: topic, metadata: message.effectMetadata(id: id, source: source, time: now)
        ).delivered(.at(time))
    }

    /// Takes back what waits of these orders.
    static func forget(_ keys: some Collection<OrderKey>, on connection: Connection) throws {
        try Schedule.cancel(
            keys.map { Schedule.Selector(tenant: $0.tenant, key: $0.orderID, type: OrderReminderDue.type) },
            on: connection)
    }
}
