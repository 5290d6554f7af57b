import ArgumentParser
import OrderflowKit

struct APICommand: RoleCommand {
    static let role = Role.api
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Take orders over HTTP, publish them, answer queries.",
        discussion: discussion(
            """
            POST /orders is answered 201 once the order is committed to the event store, whether Kafka is there or \
            not; the relay publishes it to order-events. Commands of the saga come in by order-commands. Queries \
            (GET /orders, GET /orders/{id}) are answered from the read models.
            """,
            """
              orderflow api --port 8080
              orderflow api --host 0.0.0.0 --set orders.writers=4
              curl -X POST localhost:3000/orders -H 'Content-Type: application/json' \\
                   -d '{"userId":"alice","items":[{"sku":"ABC","qty":2}],"total":49.99}'
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct QueryCommand: RoleCommand {
    static let role = Role.query
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Answer queries alone, from the read models.",
        discussion: discussion(
            "GET /orders and GET /orders/{id}, for scaling reads apart from writes. `orderflow api` has them as well.",
            """
              orderflow query
              curl 'localhost:3001/orders?userId=alice&status=confirmed'
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct ShippingCommand: RoleCommand {
    static let role = Role.shipping
    static let configuration = CommandConfiguration(
        commandName: "shipping",
        abstract: "Prepare, dispatch and cancel shipments.",
        discussion: discussion(
            """
            Prepares a shipment for every OrderCreated, dispatches it at OrderConfirmed, cancels it at \
            OrderCancelled, and tells so on order-events. Consumer group shipping-group.
            """,
            """
              orderflow shipping
              orderflow shipping --port 0          a second one on this machine
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct NotificationCommand: RoleCommand {
    static let role = Role.notification
    static let configuration = CommandConfiguration(
        commandName: "notification",
        abstract: "Send mails to customers.",
        discussion: discussion(
            """
            A mail for every order confirmed or cancelled and every refund, by SMTP where smtp.url is set, else as \
            .eml files in mail.directory. Consumer group notification-group.
            """,
            """
              orderflow notification --set mail.directory=/tmp/mail
              ORDERFLOW_SMTP_URL=smtps://user:password@mail.example:465 orderflow notification
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct ProjectionCommand: RoleCommand {
    static let role = Role.projection
    static let configuration = CommandConfiguration(
        commandName: "projection",
        abstract: "Fold every fact into the read models.",
        discussion: discussion(
            """
            Keeps the documents that GET /orders/{id} and GET /orders answer with. Consumer group projection-group; \
            the read models can be rebuilt from the topic at any time.
            """,
            """
              orderflow projection
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct PaymentCommand: RoleCommand {
    static let role = Role.payment
    static let configuration = CommandConfiguration(
        commandName: "payment",
        abstract: "Charge and refund by the payment gateway.",
        discussion: discussion(
            """
            Charges each order once and gives the money back once where the order comes to nothing, by \
            payment.gateway; whatever the gateway doesn't answer is asked again with the same idempotency key until \
            it does. The simulated gateway charges nobody and obeys the order's paymentToken: tok_declined, \
            tok_error, tok_timeout, tok_hang, tok_slow, tok_refund_fails, tok_refund_flaky. Consumer group \
            payment-group.
            """,
            """
              orderflow payment --set payment.simulator.latency=200ms
              ORDERFLOW_PAYMENT_GATEWAY_TOKEN=… orderflow payment --set payment.gateway=http \\
                   --set payment.gateway_url=https://pay.example/v1
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct InventoryCommand: RoleCommand {
    static let role = Role.inventory
    static let configuration = CommandConfiguration(
        commandName: "inventory",
        abstract: "Reserve and release stock.",
        discussion: discussion(
            """
            Sets stock aside for an order, all of its lines or none, and tells StockReserved or StockRejected on \
            order-events; takes it off the shelf at OrderConfirmed, puts it back when asked to undo. An article that \
            nobody has set a level for is as inventory.unknown_sku says. Consumer group inventory-group. Levels: \
            POST /stock, GET /stock and GET /stock/{sku} on this role's port, or `orderflow stock`.
            """,
            """
              orderflow inventory --set inventory.unknown_sku=reject
              curl -X POST localhost:3006/stock -H 'Content-Type: application/json' -d '{"sku":"ABC","quantity":100}'
              curl localhost:3006/stock/ABC
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}

struct SagaCommand: RoleCommand {
    static let role = Role.saga
    static let configuration = CommandConfiguration(
        commandName: "saga",
        abstract: "Lead every order to confirmed or cancelled.",
        discussion: discussion(
            """
            Asks inventory and payment in turn while shipping prepares, then has the order confirmed; at a failure, a \
            deadline or the customer's cancellation it has everything undone, and then the order cancelled. With \
            saga.mode choreography it only keeps track. Consumer group saga-group. GET /sagas and GET /sagas/{orderId} \
            on this role's port, or `orderflow sagas`.
            """,
            """
              orderflow saga --set saga.payment_deadline=5m
              curl 'localhost:3007/sagas?attention=true'
            """))

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions
}
