import CLibrdkafka
import Execution
import Glibc
import Synchronization

/// Keeps a consumer from fetching far more often than it is of use. librdkafka asks interceptors not to block; pauses as
/// short as these, on the broker's thread, hold up only fetches that bring nothing, or nothing that is waited for.
///
/// Any broker answers as soon as it has one record. While the consumer is busy with others, or lets more gather, the
/// thread pauses behind an answer of a few. It goes on shortly before the consumer wants records: the fetch that it then
/// sends has by the time that they are wanted brought all that came meanwhile. Where records are waited for, nothing is
/// held back.
///
/// What an answer has brought is told of partition by partition, and each word would wake the thread that takes records. So
/// that one sleeps as long as nobody waits for them (`lull`), and takes all of them then.
///
/// What else this thread does are questions about partitions' offsets; heartbeats, rebalances and commits are the
/// business of the coordinator's own thread.
///
/// The dev broker answers at once even without records (`EmptyAnswerPause`).
final class FetchPacing: Sendable {
    /// Held back are answers of less than `few` bytes, for `longest` at most.
    private static let longest: Duration = .milliseconds(100)
    /// Records that have come lie so long at most: so does what else the thread that takes them is told, such as a rebalance.
    private static let longestLull: Duration = .milliseconds(50)
    private static let few = 64 << 10
    /// A reader that is busy for longer gets one answer more each time; librdkafka's limits are the end of that.
    private static let patience: Duration = .seconds(1)
    private static let fetchRequest: Int16 = 1

    /// Partitions assigned to the consumer.
    let partitions = Atomic<Int>(0)
    /// Whether urgent records are expected, which a small answer may bring.
    private let isAlert: @Sendable () -> Bool
    /// Bytes that there is room for; nil for a consumer that leaves that to librdkafka.
    private let room: Monitor<Int>?
    /// Nil for brokers that hold empty answers back.
    private let emptyAnswers: Monitor<EmptyAnswerPause>?
    private let gate: Monitor<FetchGate>

    /// - Parameters:
    ///   - isAwaited: whether records are waited for at all times: by readers that don't call `awaiting`.
    ///   - room: bytes that may be read ahead; the reader says how many are left (`hasRoom`).
    ///   - isDevBroker: whether empty answers come at once.
    ///   - isAlert: whether urgent records are expected. Asked for each answer, on the broker's thread.
    init(
        isAwaited: Bool = false, room: Int? = nil, isDevBroker: Bool,
        isAlert: @escaping @Sendable () -> Bool = { false }
    ) {
        self.isAlert = isAlert
        self.room = room.map { Monitor($0) }
        gate = Monitor(FetchGate(isAwaited: isAwaited))
        emptyAnswers = isDevBroker ? Monitor(EmptyAnswerPause()) : nil
    }

    /// Runs `wait`, which waits for records.
    func awaiting<Result>(_ wait: () -> Result) -> Result {
        gate.update { $0 = FetchGate(isAwaited: true) }
        defer { gate.withLock { $0 = FetchGate(isAwaited: false) } }
        return wait()
    }

    /// Records are wanted after `pause`.
    func wanted(in pause: Duration) { gate.update { $0.wanted(in: pause, at: .now) } }

    /// The reader has taken what it wanted, and what is left leaves so much room.
    func hasRoom(_ bytes: Int) { room?.update { $0 = bytes } }

    /// Waits while what was read ahead fills its room. librdkafka's own limit would do, but that a partition whose queue has
    /// reached it isn't asked for again for a second, whether it is empty by then or not (`rd_kafka_toppar_fetch_decide`).
    private func awaitRoom(_ size: Int) {
        guard let room else { return }
        _ = room.wait(for: Self.patience) { $0 > 0 ? true : nil }
        room.withLock { $0 -= size }
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
        awaitRoom(size)
        if size >= Self.few {
            gate.update { $0.hasMuch = true }
        } else if !isAlert(), holdBack() {
            return
        }
        if let pause = pause ?? nil { usleep(pause) }
    }

    /// Waits until answers pass. False where they did already.
    private func holdBack() -> Bool {
        let limit = ContinuousClock.now + Self.longest
        return wait { $0.holdsBack(until: limit, at: $1) }
    }

    /// Waits until records that have come are to be taken.
    func lull() {
        guard !isAlert() else { return }
        let limit = ContinuousClock.now + Self.longestLull
        _ = wait { $0.letsLie(until: limit, at: $1) }
    }

    /// Waits as long as the gate says so. False where it never did.
    private func wait(_ pause: (FetchGate, ContinuousClock.Instant) -> Duration?) -> Bool {
        var hasWaited = false
        return gate.wait { gate, now in
            guard let pause = pause(gate, now) else { return .taken(hasWaited) }
            hasWaited = true
            return .again(at: now + pause)
        }
    }
}
