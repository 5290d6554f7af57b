import Foundation
import Hashing
import TestShop

/// An endpoint that the receiver has asked for: of which types it is told, and what that is signed with.
struct Subscription: Sendable {
    let id: String
    let path: String
    let types: Set<String>
    let secret: WebhookSecret

    /// Those of a campaign: one that wants to know everything of an order, one that wants to know how it ended.
    static let wanted: [(path: String, types: Set<String>)] = [
        (
            "/everything",
            [
                "OrderCreated", "OrderConfirmed", "OrderCancelled", "PaymentProcessed", "PaymentFailed",
                "PaymentRefunded", "ShipmentCreated", "ShipmentDispatched", "StockReserved", "StockReleased",
            ]
        ),
        ("/ends", ["OrderConfirmed", "OrderCancelled"]),
    ]

    /// Asks a daemon for it.
    init(_ path: String, _ types: Set<String>, at receiver: Receiver, by daemon: Daemon) async throws {
        let body = try JSONSerialization.data(withJSONObject: ["url": receiver.url(path), "types": types.sorted()])
        let answer = try await daemon.client.post("/webhooks", String(decoding: body, as: UTF8.self))
        guard answer.status == 201, let id = try answer.json()["id"] as? String,
            let secret = (try answer.json()["secret"] as? String).flatMap({ WebhookSecret(text: $0) })
        else { throw NotSubscribed(status: answer.status, text: answer.text) }
        (self.id, self.path, self.types, self.secret) = (id, path, types, secret)
    }

    private struct NotSubscribed: Error {
        let status: Int
        let text: String
    }

    /// Whether it is signed by its secret, as it came.
    func isSigned(_ webhook: ReceivedWebhook) -> Bool {
        let value = WebhookSignature.value(
            id: webhook.id, timestamp: webhook.timestamp, body: webhook.body, secrets: [secret])
        return webhook.signatures.contains { $0 == value }
    }
}
