import Execution
import Outbound
import Postgres
import TestServers
import Testing

@testable import Webhooks

/// When rounds follow each other.
@Suite(.blocking, .servers) struct DeliveryWorkerTests {
    /// Accepts whatever it is told to send.
    private final class AcceptingSender: DeliverySender {
        private let count = Monitor(0)
        var sent: Int { count.withLock { $0 } }

        func send(_ request: DeliveryRequest, whenDone: @escaping @Sendable (HeldSender.End) -> Void) {
            count.withLock { $0 += 1 }
            whenDone(.accepted)
        }

        func stop() {}
    }

    /// However far apart rounds are, and so however short of processors: an endpoint that has a backlog gets as much as it
    /// answers.
    @Test func whoHasMoreWaitsForAnswersAlone() throws {
        let shop = try WebhookFixture()
        for name in ["a", "b"] { try shop.endpoint(name) }
        try shop.hear((1...60).map { "o\($0)" })
        let sender = AcceptingSender()
        var configuration = DeliveryWorker.Configuration()
        configuration.pace = .seconds(3_600)
        let worker = DeliveryWorker(
            configuration, database: shop.database, desk: shop.desk, vault: shop.vault, logger: quiet,
            sender: { sender })
        let stop = StopSignal()
        let thread = DedicatedThread.start("worker") { try? worker.run(until: stop) }
        defer {
            stop.stop()
            thread.join(timeout: .seconds(20))
        }
        try eventually("all of a backlog is sent") { sender.sent == 120 }
    }
}
