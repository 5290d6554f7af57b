import InventoryFacts
import NotificationFacts
import OrderFacts
import Orders
import PaymentFacts
import ShippingFacts
import UserFacts

/// One of each fact and command of our own services, and what it is on the wire: golden bytes, which records and rows of
/// old are equal to.
enum EveryFact {
    private static let usd = Money(minorUnits: 4_999, currency: .usd)
    private static let items = [OrderLine(sku: "A\"B", quantity: 2), OrderLine(sku: "C", quantity: 10_000)]
    private static let at: Int64 = 1_767_225_600_000_001
    private static let time = "2026-01-01T00:00:00.000001Z"
    private static let lines = #"[{"sku":"A\"B","qty":2},{"sku":"C","qty":10000}]"#

    static let ofOrders: [(payload: any OrderPayload, json: String)] = [
        (
            OrderCreated(
                orderID: "o", userID: "u", items: items, total: usd, createdAt: at, email: "a@b",
                shippingAddress: "1 Main St\n2nd", paymentToken: "tok"),
            #"{"orderId":"o","userId":"u","items":\#(lines),"total":49.99,"currency":"USD","createdAt":"\#(time)","#
                + #""email":"a@b","shippingAddress":"1 Main St\n2nd","paymentToken":"tok"}"#
        ),
        (
            OrderCreated(orderID: "o", userID: "u", items: items, total: usd, createdAt: at),
            #"{"orderId":"o","userId":"u","items":\#(lines),"total":49.99,"currency":"USD","createdAt":"\#(time)"}"#
        ),
        (
            OrderCreated(orderID: "o", userID: "u", items: items, total: usd, createdAt: at, hasSealedToken: true),
            #"{"orderId":"o","userId":"u","items":\#(lines),"total":49.99,"currency":"USD","createdAt":"\#(time)","#
                + #""paymentTokenSealed":true}"#
        ),
        (
            OrderScheduled(
                orderID: "o", userID: "u", items: items, total: usd, at: at, placeAt: at, email: "a@b",
                shippingAddress: "1 Main St", hasSealedToken: true),
            #"{"orderId":"o","userId":"u","items":\#(lines),"total":49.99,"currency":"USD","scheduledAt":"\#(time)","#
                + #""placeAt":"\#(time)","email":"a@b","shippingAddress":"1 Main St","paymentTokenSealed":true}"#
        ),
        (
            OrderWithdrawn(orderID: "o", reason: "no", at: at),
            #"{"orderId":"o","reason":"no","withdrawnAt":"\#(time)"}"#
        ),
        (
            OrderReminderDue(orderID: "o", placeAt: at, at: at),
            #"{"orderId":"o","placeAt":"\#(time)","remindedAt":"\#(time)"}"#
        ),
        (PlaceOrder(orderID: "o"), #"{"orderId":"o"}"#),
        (
            OrderConfirmed(orderID: "o", userID: "u", total: usd, at: at),
            #"{"orderId":"o","userId":"u","total":49.99,"currency":"USD","confirmedAt":"\#(time)"}"#
        ),
        (
            OrderCancellationRequested(orderID: "o", reason: "no", at: at),
            #"{"orderId":"o","reason":"no","requestedAt":"\#(time)"}"#
        ),
        (
            OrderCancelled(orderID: "o", userID: "u", total: usd, reason: "no", at: at),
            #"{"orderId":"o","userId":"u","total":49.99,"currency":"USD","reason":"no","cancelledAt":"\#(time)"}"#
        ),
        (ConfirmOrder(orderID: "o"), #"{"orderId":"o"}"#),
        (CancelOrder(orderID: "o", reason: "no"), #"{"orderId":"o","reason":"no"}"#),
        (
            StockReserved(orderID: "o", items: items, at: at),
            #"{"orderId":"o","items":\#(lines),"reservedAt":"\#(time)"}"#
        ),
        (
            StockRejected(orderID: "o", reason: "none", sku: "A", at: at),
            #"{"orderId":"o","reason":"none","sku":"A","rejectedAt":"\#(time)"}"#
        ),
        (
            StockRejected(orderID: "o", reason: "none", at: at),
            #"{"orderId":"o","reason":"none","rejectedAt":"\#(time)"}"#
        ),
        (StockReleased(orderID: "o", items: [], at: at), #"{"orderId":"o","items":[],"releasedAt":"\#(time)"}"#),
        (ReserveStock(orderID: "o", items: items), #"{"orderId":"o","items":\#(lines)}"#),
        (ReleaseStock(orderID: "o"), #"{"orderId":"o"}"#),
        (
            PaymentProcessed(orderID: "o", amount: usd, reference: "r", at: at),
            #"{"orderId":"o","amount":49.99,"currency":"USD","reference":"r","processedAt":"\#(time)"}"#
        ),
        (PaymentFailed(orderID: "o", reason: "no", at: at), #"{"orderId":"o","reason":"no","failedAt":"\#(time)"}"#),
        (
            PaymentRefunded(orderID: "o", amount: usd, reference: "r", at: at),
            #"{"orderId":"o","amount":49.99,"currency":"USD","reference":"r","refundedAt":"\#(time)"}"#
        ),
        (PaymentVoided(orderID: "o", at: at), #"{"orderId":"o","voidedAt":"\#(time)"}"#),
        (
            PaymentRefundFailed(orderID: "o", reason: "no", at: at),
            #"{"orderId":"o","reason":"no","failedAt":"\#(time)"}"#
        ),
        (
            ProcessPayment(orderID: "o", userID: "u", amount: usd, paymentToken: "tok"),
            #"{"orderId":"o","userId":"u","amount":49.99,"currency":"USD","paymentToken":"tok"}"#
        ),
        (
            ProcessPayment(orderID: "o", userID: "u", amount: usd, hasSealedToken: true),
            #"{"orderId":"o","userId":"u","amount":49.99,"currency":"USD","paymentTokenSealed":true}"#
        ),
        (SendPaymentToken(orderID: "o", tokenKey: "k"), #"{"orderId":"o","tokenKey":"k"}"#),
        (KeepPaymentToken(orderID: "o", sealedToken: "s"), #"{"orderId":"o","sealedToken":"s"}"#),
        (KeepPaymentToken(orderID: "o", sealedToken: nil), #"{"orderId":"o"}"#),
        (
            ProcessPayment(orderID: "o", userID: "u", amount: usd),
            #"{"orderId":"o","userId":"u","amount":49.99,"currency":"USD"}"#
        ),
        (ClosePaymentWindow(orderID: "o"), #"{"orderId":"o"}"#),
        (RefundPayment(orderID: "o", reason: "no"), #"{"orderId":"o","reason":"no"}"#),
        (
            ShipmentCreated(orderID: "o", shipmentID: "s", at: at),
            #"{"orderId":"o","shipmentId":"s","createdAt":"\#(time)"}"#
        ),
        (ShipmentFailed(orderID: "o", reason: "no", at: at), #"{"orderId":"o","reason":"no","failedAt":"\#(time)"}"#),
        (
            ShipmentDispatched(orderID: "o", shipmentID: "s", trackingNumber: "T", at: at),
            #"{"orderId":"o","shipmentId":"s","trackingNumber":"T","dispatchedAt":"\#(time)"}"#
        ),
        (
            ShipmentCancelled(orderID: "o", shipmentID: "s", at: at),
            #"{"orderId":"o","shipmentId":"s","cancelledAt":"\#(time)"}"#
        ),
        (ShipmentCancelled(orderID: "o", shipmentID: nil, at: at), #"{"orderId":"o","cancelledAt":"\#(time)"}"#),
        (
            NotificationSent(orderID: "o", kind: "k", recipient: "a@b", messageID: "m", at: at),
            #"{"orderId":"o","kind":"k","recipient":"a@b","messageId":"m","sentAt":"\#(time)"}"#
        ),
        (
            NotificationExpired(orderID: "o", kind: "k", expiresAt: at, at: at),
            #"{"orderId":"o","kind":"k","expiresAt":"\#(time)","expiredAt":"\#(time)"}"#
        ),
        (
            CommandExpired(orderID: "o", command: "ProcessPayment", commandID: "1", expiresAt: at, at: at),
            #"{"orderId":"o","command":"ProcessPayment","commandId":"1","expiresAt":"\#(time)","expiredAt":"\#(time)"}"#
        ),
    ]

    static let ofUsers: [(payload: any UserFact, json: String)] = [
        (
            UserCreated(userID: "u", name: "Zoë \"Z\"", email: "z@b", createdAt: at),
            #"{"userId":"u","name":"Zoë \"Z\"","email":"z@b","createdAt":"\#(time)"}"#
        ),
        (
            AccountCreated(
                accountID: "a", userID: "u",
                address: PostalAddress(street: "1", city: "2", region: "3", postalCode: "4", country: "5"),
                createdAt: at),
            #"{"accountId":"a","userId":"u","address":{"street":"1","city":"2","region":"3","postalCode":"4","#
                + #""country":"5"},"createdAt":"\#(time)"}"#
        ),
    ]

    static let ofBatches: [(payload: any BatchFact, json: String)] = [
        (
            BatchCompleted(
                batchID: "b", accepted: 5, confirmed: 3, cancelled: 2, refused: 1, isWhole: true, openedAt: at,
                sealedAt: at, at: at),
            #"{"batchId":"b","accepted":5,"confirmed":3,"cancelled":2,"refused":1,"whole":true,"openedAt":"\#(time)","#
                + #""sealedAt":"\#(time)","completedAt":"\#(time)"}"#
        )
    ]

    /// All of the types above, each once.
    static func catalogue() throws -> FactCatalogue { try all.get() }

    private static let all = Result {
        try FactCatalogue(
            ofOrders.map { Swift.type(of: $0.payload) as any MessagePayload.Type }
                + ofUsers.map { Swift.type(of: $0.payload) as any MessagePayload.Type }
                + ofBatches.map { Swift.type(of: $0.payload) as any MessagePayload.Type })
    }
}
