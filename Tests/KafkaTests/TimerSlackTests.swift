import CLibrdkafka
import Execution
import TestServers
import Testing

@testable import Kafka

/// How late the waits of a client's threads may end.
@Suite struct TimerSlackTests {
    private final class Seen: Sendable {
        let threads = Monitor<[(type: rd_kafka_thread_type_t, slack: Int)]>([])
    }

    /// Threads inherit from the one that makes them: two of three brokers are made by the main thread.
    @Test func theMainThreadsWaitsAloneMayEndLate() throws {
        let mock = try MockCluster(brokers: 3, logger: quiet)
        let first = mock.bootstrapServers.prefix { $0 != "," }
        let seen = Seen()
        let conf = try KafkaConfiguration(bootstrapServers: String(first)).make([])
        rd_kafka_conf_interceptor_add_on_new(
            conf, "seen",
            { rk, _, opaque, _, _ in
                rd_kafka_interceptor_add_on_thread_exit(
                    rk, "seen",
                    { _, type, _, opaque in
                        if let opaque {
                            let slack = orderflow_timer_slack()
                            Unmanaged<Seen>.fromOpaque(opaque).takeUnretainedValue().threads.update {
                                $0.append((type, slack))
                            }
                        }
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, opaque)
            }, Unmanaged.passUnretained(seen).toOpaque())
        try withExtendedLifetime(seen) {
            // All threads have ended when the client is gone.
            let handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf, logger: quiet)
            var brokers = 0
            try eventually("all brokers are known") {
                var raw: UnsafePointer<rd_kafka_metadata>?
                guard rd_kafka_metadata(handle.raw, 0, nil, &raw, 1_000) == RD_KAFKA_RESP_ERR_NO_ERROR, let raw else {
                    return false
                }
                brokers = Int(raw.pointee.broker_cnt)
                rd_kafka_metadata_destroy(raw)
                return brokers == 3
            }
        }
        let threads = seen.threads.withLock { $0 }
        let main = threads.filter { $0.type == RD_KAFKA_THREAD_MAIN }.map(\.slack)
        let others = threads.filter { $0.type != RD_KAFKA_THREAD_MAIN }.map(\.slack)
        #expect(main == [Int(TimerSlack.main)])
        #expect(others.count >= 3 && others.allSatisfy { $0 == Int(TimerSlack.others) })
    }
}
