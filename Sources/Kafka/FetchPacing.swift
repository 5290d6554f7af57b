import CLibrdkafka
import Execution
import Glibc
import Synchronization

/// Keeps a consumer from fetching far more often than it is of use. librdkafka asks interceptors not to block; naps as
/// short as these, on the broker's thread, hold up only fetches that bring nothing, or nothing that somebody waits for.
///
/// A broker is asked to hold an empty answer back for `fetch.wait.max.ms`; Kafka does, and then nothing happens here.
/// The dev broker doesn't: librdkafka asks again at once, thousands of times a second, on every idle consumer. Where an
/// answer without records came sooner than a broker that waits could give it, the broker's thread pauses, for
/// `longestNap` at most.
///
/// And any broker answers as soon as it has one record. While the consumer is busy with others, the thread pauses
/// behind an answer of a few, until it is asked for some or `gathering` has passed: the next answer has more of them.
final class FetchPacing: Sendable {
    /// Adds this much to the latency of a record that arrives at an idle consumer, at most.
    private static let longestNap: UInt32 = 8_000  // µs
    private static let firstNap: UInt32 = 1_000
    /// An answer that came sooner than this was not held back. µs; far below any sensible `fetch.wait.max.ms`.
    private static let heldBack: Int64 = 50_000
    /// Between answers of less than `few` bytes while nobody waits for records.
    private static let gathering: Duration = .milliseconds(4)
    private static let few = 64 << 10
    private static let fetchRequest: Int16 = 1
    /// Room that one partition without records takes in an answer; a record with its batch takes more.
    private static let emptyPartition = 60

    /// Partitions assigned to the consumer.
    let partitions = Atomic<Int>(0)
    private let nap = Atomic<UInt32>(firstNap)
    /// Somebody waits for records.
    private let isAwaited: Monitor<Bool>

    /// - Parameter isAwaited: whether somebody waits when nobody says so: for readers that don't.
    init(isAwaited: Bool = false) { self.isAwaited = Monitor(isAwaited) }

    /// Runs `wait`, in which somebody waits for records.
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
        guard roundTrip < Self.heldBack, size < (partitions.load(ordering: .relaxed) + 1) * Self.emptyPartition else {
            nap.store(Self.firstNap, ordering: .relaxed)
            if size < Self.few { _ = isAwaited.wait(for: Self.gathering) { $0 ? true : nil } }
            return
        }
        let length = nap.load(ordering: .relaxed)
        usleep(length)
        nap.store(min(length * 2, Self.longestNap), ordering: .relaxed)
    }
}
