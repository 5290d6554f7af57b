import Execution
import Kafka

/// A request under way, and the answer to it.
final class PendingReply: Sendable {
    typealias Answer = Result<InboundMessage, RequestError>

    let message: OutgoingMessage
    let tenant: String
    let answer = FirstAnswer<Answer>()
    private let delivery = Monitor(false)

    init(_ message: OutgoingMessage, tenant: String) {
        self.message = message
        self.tenant = tenant
    }

    /// Whether the brokers have it.
    var isDelivered: Bool { delivery.withLock { $0 } }
    func delivered() { delivery.withLock { $0 = true } }
}
