import CLibrdkafka
import Execution
import Glibc
import Synchronization

/// Keeps a consumer from fetching far more often than it is of use. librdkafka asks interceptors not to block; pauses as
/// short as these, on the broker's thread, hold up only fetches that bring nothing, or nothing that is waited for.
///
/// Any broker answers as soon as it has one record. While the consumer is busy with others, the thread pauses behind an
/// answer of a few, until it is asked for some or `gathering` has passed: the next answer has more of them.
///
/// The dev broker answers at once even without records (`EmptyAnswerPause`).
final class FetchPacing: Sendable {
    /// Between answers of less than `few` bytes while no records are waited for.
    private static let gathering: Duration = .milliseconds(4)
    private static let few = 64 << 10
    private static let fetchRequest: Int16 = 1

    /// Partitions assigned to the consumer.
    let partitions = Atomic<Int>(0)
    /// Nil for brokers that hold empty answers back.
    private let emptyAnswers: Monitor<EmptyAnswerPause>?
    /// Records are waited for.
    private let isAwaited: Monitor<Bool>

    /// - Parameters:
    ///   - isAwaited: whether records are waited for at all times: by readers that don't call `awaiting`.
    ///   - isDevBroker: whether empty answers come at once.
    init(isAwaited: Bool = false, isDevBroker: Bool) {
        self.isAwaited = Monitor(isAwaited)
        emptyAnswers = isDevBroker ? Monitor(EmptyAnswerPause()) : nil
    }

    /// Runs `wait`, which waits for records.
    func awaiting<Result>(_ wait: () -> Result) -> Result {
        isAwaited.update { $0 = true }
        defer { isAwaited.withLock { $0 = false } }
        return wait()
    }

    /// Makes clients of `conf` keep the pace. They hold this object, unretained.
    func install(on conf: OpaquePointer) {
        rd_kafka_conf_interceptor_add_on_new(
            conf, "fetch-pacing",
            { rk, _, opaque, _, _ in
                rd_kafka_interceptor_add_on_response_received(
                    rk, "fetch-pacing",
                    { _, _, _, _, request, _, _, size, rtt, code, opaque in
                        if request == FetchPacing.fetchRequest, code == RD_KAFKA_RESP_ERR_NO_ERROR, let opaque {
                            Unmanaged<FetchPacing>.fromOpaque(opaque).takeUnretainedValue().answered(size, rtt)
                        }
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, opaque)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// On the broker's thread, before librdkafka reads the answer.
    private func answered(_ size: Int, _ roundTrip: Int64) {
        let partitions = partitions.load(ordering: .relaxed)
        let pause = emptyAnswers?.withLock {
            $0.length(behind: size, roundTrip: roundTrip, partitions: partitions)
        }
        if let pause = pause ?? nil {
            usleep(pause)
        } else if size < Self.few {
            _ = isAwaited.wait(for: Self.gathering) { $0 ? true : nil }
        }
    }
}
