import Execution

/// Sends hundreds of requests at once by one thread: libcurl's multi interface, told by epoll which sockets are ready, so
/// that those who don't answer cost those who do nothing but their place.
///
/// Bounded in all that a foreign server could make grow: how many requests are under way (those above wait in the order
/// in which they came, and their time runs), how much of an answer is read, how long each takes, how many connections
/// are kept. Redirects aren't followed, no proxy of the environment is used, TLS certificates are verified, cookies,
/// compression and HTTP/2 aren't spoken. Whom it may call, `AddressRules` say, at every connection.
package final class ConcurrentSender: DeliverySender {
    package struct Configuration: Sendable {
        package var rules = AddressRules()
        /// Name and TCP and TLS.
        package var connectTimeout: Duration = .seconds(5)
        /// Head and body of an answer together, in bytes. Of a longer one the beginning is kept, and the rest never read.
        package var answerLimit = 16 << 10
        /// Requests under way at once.
        package var concurrency = 512
        /// Connections that are kept for later.
        package var idleConnections = 256
        /// Certificates of authorities, PEM; nil for the system's.
        package var authorities: String?

        package init() {}
    }

    private let inbox: TransferInbox

    package init(_ configuration: Configuration = Configuration()) throws(ConcurrentSenderError) {
        let inbox = try TransferInbox()
        let loop = try TransferLoop(configuration, inbox)
        self.inbox = inbox
        DedicatedThread.start("deliveries") { loop.run() }
    }

    deinit { inbox.tell(.end) }

    package func send(
        _ request: DeliveryRequest,
        whenDone: @escaping @Sendable (Result<DeliveryAnswer, DeliveryFailure>) -> Void
    ) {
        let deadline = ContinuousClock.now + request.timeout.clamped(to: .zero ... .seconds(86_400))
        inbox.post(TransferInbox.Parcel(request: request, deadline: deadline, whenDone: whenDone))
    }

    package func stop() { inbox.tell(.refuse) }
}

/// The process has no descriptor or memory left for a sender.
package struct ConcurrentSenderError: Error, CustomStringConvertible {
    package let call: String
    package let errno: Int32

    package var description: String { "no sender of requests: \(call) failed with error \(errno)" }
}
