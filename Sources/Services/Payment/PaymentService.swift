import Execution
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres

extension ServiceModule {
    /// Payment: charges an order once, and gives the money back once where the order comes to nothing.
    ///
    ///     orchestration     choreography
    ///                       OrderCreated     (the terms are remembered)
    ///     ProcessPayment    StockReserved    ─> the gateway ─> PaymentProcessed | PaymentFailed
    ///     RefundPayment     OrderCancelled   ─> the gateway ─> PaymentRefunded | PaymentRefundFailed
    ///                                        └> PaymentVoided, where nothing was charged
    ///
    /// The order service keeps the customer's payment token, sealed for payment alone. When it is time to charge, payment
    /// asks for it by `SendPaymentToken`, which `KeepPaymentToken` answers.
    ///
    /// A refund that the gateway refuses is tried again when the saga asks again; without a saga, by itself.
    public static let payment = ServiceModule(
        "payment", port: 5, summary: "charges and refunds by the payment gateway"
    ) {
        Explained(
            "Charge and refund by the payment gateway.",
            """
            Charges each order once and gives the money back once where the order comes to nothing, by \
            payment.gateway; whatever the gateway doesn't answer is asked again with the same idempotency key until \
            it does. The simulated gateway charges nobody and obeys the order's paymentToken: tok_declined, \
            tok_error, tok_timeout, tok_hang, tok_slow, tok_refund_fails, tok_refund_flaky. Consumer group \
            payment-group.
            """,
            examples: """
                  orderflow payment --set payment.simulator.latency=200ms
                  ORDERFLOW_PAYMENT_GATEWAY_TOKEN=… orderflow payment --set payment.gateway=http \\
                       --set payment.gateway_url=https://pay.example/v1
                """)
        ServiceDatabase.payment
        Owns(.paymentCommands)
        Publishes(
            PaymentProcessed.self, PaymentFailed.self, PaymentRefunded.self, PaymentVoided.self,
            PaymentRefundFailed.self, on: .orderEvents)
        Accepts(ProcessPayment.self, RefundPayment.self, KeepPaymentToken.self, on: .paymentCommands)
        Sends(SendPaymentToken.self, on: .orderCommands)
        FulfilmentStep(
            "payment", title: "Charge", after: ["stock"],
            asks: .init(.paymentCommands) { order, _ in
                ProcessPayment(
                    orderID: order.orderID, userID: order.userID, amount: order.total,
                    paymentToken: order.paymentToken, hasSealedToken: order.hasSealedToken)
            },
            succeededBy: [PaymentProcessed.type], failedBy: [PaymentFailed.type], within: .seconds(900),
            undoneBy: .init(
                .init(.paymentCommands) { order, reason in RefundPayment(orderID: order.orderID, reason: reason) },
                doneBy: [PaymentRefunded.type, PaymentVoided.type], refusedBy: [PaymentRefundFailed.type]))
        // Payments remember what they have heard.
        Consumes(
            ConsumerGroup(
                PaymentHandler.group,
                reads: [.init(.paymentCommands), .init(.orderEvents, in: .choreography)], usesInbox: false
            ) { context in
                PaymentHandler(
                    mode: context.settings.mode, topic: context.topics.orderEvents, source: context.source,
                    orderCommands: context.topics.orderCommands, desk: context.shared(GatewayDesk()))
            })
        Runs { try GatewayWorker.running($0) }
        SettingKey("payment.gateway", \PaymentSettings.gateway, .choice, "The simulated gateway charges nobody.")
        SettingKey(
            "payment.gateway_url", \PaymentSettings.gatewayURL,
            optional: .url("http", "https", example: "https://pay.example/v1"),
            "Needed by payment.gateway http.")
        SettingKey(
            "payment.gateway_token", \PaymentSettings.gatewayToken, optional: .bearerToken,
            "Sent to payment.gateway http as Authorization: Bearer. Not taken from the command line.")
        SettingKey(
            "payment.concurrency", \PaymentSettings.concurrency, .integer(1...256),
            "Calls of the gateway at once; what hangs holds up no more than these.")
        SettingKey(
            "payment.retry_cap", \PaymentSettings.retryCap, .duration(.milliseconds(100) ... .seconds(3600)),
            "Longest pause between tries of a call; the pauses double up to it.")
        SettingKey(
            "payment.timeout", \PaymentSettings.timeout, .duration(.milliseconds(10) ... .seconds(300)),
            "For one call of the gateway; it is asked again later what became of it.")
        SettingKey(
            "payment.simulator.latency", \PaymentSettings.simulatorLatency, .duration(.zero ... .seconds(300)),
            "How long the simulated gateway takes.")
        SettingKey(
            "payment.simulator.failure_rate", \PaymentSettings.simulatorFailureRate, .ratio,
            "How many of its calls end without an answer.")
        SettingsCheck { settings in
            let payment = settings[PaymentSettings.self]
            guard payment.gateway == .http, payment.gatewayURL == nil else { return [] }
            return ["payment.gateway_url: must be set where payment.gateway is http"]
        }
        Alert(
            "OrderflowPaymentsLate", "max(orderflow_payments_oldest_seconds) > 300", for: "2m", .ticket,
            "A payment has waited {{ $value | humanizeDuration }} for the gateway's word")
        Alert(
            "OrderflowRefundsRefused", #"max(orderflow_payments_open{status="refund_refused"}) > 0"#, for: "15m",
            .ticket, "{{ $value }} customers wait for money that the gateway refuses to give back")
        Alert(
            "OrderflowGatewayFails",
            #"""
            sum(rate(orderflow_gateway_calls_total{outcome=~"unavailable|unknown"}[5m]))
            / sum(rate(orderflow_gateway_calls_total[5m])) > 0.2
            """#,
            for: "5m", .ticket,
            "{{ $value | humanizePercentage }} of the calls of the payment gateway have no answer")
        Alert(
            "OrderflowPaymentsRefused",
            #"""
            sum(rate(orderflow_gateway_calls_total{operation="charge",outcome="refused"}[15m]))
            / sum(rate(orderflow_gateway_calls_total{operation="charge"}[15m])) > 0.5
            """#,
            for: "15m", .ticket,
            "{{ $value | humanizePercentage }} of the charges are refused by the payment gateway")
        Measures([
            "orderflow_gateway_calls_total": "Calls of the payment gateway by operation and what became of them.",
            "orderflow_gateway_call_seconds": "One call of the payment gateway.",
            "orderflow_payments_open": "Payments that wait for the gateway, or for a refund to be asked for again.",
            "orderflow_payments_oldest_seconds":
                "How long the oldest of those that the gateway is asked for has waited.",
        ])
    }
}

/// The payment gateway, and how it is asked.
package struct PaymentSettings: SettingsSection {
    package enum Gateway: String, Sendable, CaseIterable { case simulated, http }

    package var gateway = Gateway.simulated
    package var gatewayURL: String?
    package var gatewayToken: String?
    package var timeout: Duration = .seconds(5)
    package var concurrency = 16
    package var retryCap: Duration = .seconds(10)
    package var simulatorLatency: Duration = .milliseconds(20)
    package var simulatorFailureRate = 0.0

    package init() {}
}
