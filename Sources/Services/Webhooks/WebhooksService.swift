import Execution
import Messaging
import OrderflowKit
import Postgres

extension ServiceModule {
    /// Webhooks: tells the servers of partners what happens to a tenant's orders.
    ///
    ///     every fact on order-events ─> a row for each endpoint that wants it ─> POST, signed ─> accepted
    ///
    /// What is posted, when and how often is `DeliveryRounds`'.
    public static let webhooks = ServiceModule("webhooks", port: 8, summary: "posts facts to the servers of partners") {
        Explained(
            "Post facts to the servers of partners.",
            """
            Queues every fact on order-events for the webhooks of its tenant that want its type, and posts it, signed \
            as Standard Webhooks says, until it is accepted: an order's facts to one webhook in their order, each at \
            least once. What isn't accepted for webhooks.give_up_after suspends the webhook; its facts wait until it \
            is resumed. Consumer group webhooks-group. Webhooks are made and looked after by POST /webhooks and the \
            other routes of /webhooks on this role's port. Addresses that aren't the internet's are refused, but for \
            webhooks.allow_networks.
            """,
            examples: """
                  orderflow webhooks --set webhooks.allow_networks=127.0.0.0/8 --set webhooks.allow_http=on
                  curl -X POST localhost:3008/webhooks -H 'Content-Type: application/json' \\
                       -d '{"url":"https://partner.example/orders","types":["OrderConfirmed","Payment*"]}'
                  curl -X POST localhost:3008/webhooks/$ID/ping
                """)
        ServiceDatabase.webhooks
        // One row a fact, for as long as it is kept.
        Consumes(.orderEvents, usesInbox: false, urgency: .patient) { context in
            WebhookHandler(
                reads: EventTypes(context.settings.services).facts, desk: context.shared(DeliveryDesk()))
        }
        Runs { try WebhookSettings.running($0) }
        WebhookSettings.keys
        WebhookEvidence.all
        Alert(
            "OrderflowWebhooksSuspended", #"max(orderflow_webhook_endpoints{state="suspended"}) > 0"#, for: "15m",
            .ticket, "{{ $value }} webhooks are suspended: their receivers have accepted nothing for long, or are gone",
            "Their facts wait. POST /webhooks/{id}/resume sends them once the receiver is well, DELETE drops them.")
        Alert(
            "OrderflowWebhooksLate", "max(orderflow_webhook_oldest_seconds) > 900", for: "5m", .ticket,
            "{{ $value | humanizeDuration }} that a fact waits for a webhook that accepts")
        Measures([
            "orderflow_webhook_deliveries_total": "Posts to webhooks by what became of them.",
            "orderflow_webhook_endpoints": "Webhooks by their state.",
            "orderflow_webhook_pending": "Facts that wait for active webhooks, counted up to 100000.",
            "orderflow_webhook_oldest_seconds":
                "How long the oldest fact waits for an active webhook whose last posts were accepted; 0 with none.",
        ])
    }
}
