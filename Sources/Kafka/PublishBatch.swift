import CLibrdkafka
import Execution
import Synchronization

/// The delivery reports of one `publish`: collected slot by slot, announced once.
///
/// `@unchecked Sendable`: each slot is written by one report only; the writes are ordered before the reader's look by
/// the release-acquire pair on `remaining`. librdkafka holds a retain for every message it has taken, so the slots
/// outlive the last report even when the publisher has stopped waiting.
final class PublishBatch: @unchecked Sendable {
    private struct Slot {
        let batch: Unmanaged<PublishBatch>
        let index: Int
    }

    private let slots: UnsafeMutableBufferPointer<Slot>
    private let results: UnsafeMutableBufferPointer<Result<Delivery, KafkaError>?>
    private let remaining: Atomic<Int>
    private let done = Monitor(false)
    private let then: (@Sendable ([Result<Delivery, KafkaError>]) -> Void)?

    /// - Parameter then: told all results, by the thread that brings the last one.
    init(_ count: Int, then: (@Sendable ([Result<Delivery, KafkaError>]) -> Void)? = nil) {
        self.then = then
        slots = .allocate(capacity: count)
        results = .allocate(capacity: count)
        results.initialize(repeating: nil)
        remaining = Atomic(count)
        for index in 0..<count {
            (slots.baseAddress.unsafelyUnwrapped + index)
                .initialize(to: Slot(batch: Unmanaged.passUnretained(self), index: index))
        }
    }

    deinit {
        results.deinitialize()
        results.deallocate()
        slots.deallocate()
    }

    var outstanding: Int { remaining.load(ordering: .acquiring) }

    /// Lends the slot's address to a produce call, which keeps it when it succeeds.
    func withSlot(_ index: Int, _ produce: (UnsafeMutableRawPointer) -> rd_kafka_resp_err_t) -> rd_kafka_resp_err_t {
        let retained = Unmanaged.passRetained(self)
        let code = produce(UnsafeMutableRawPointer(slots.baseAddress.unsafelyUnwrapped + index))
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { retained.release() }
        return code
    }

    func refused(_ index: Int, _ error: KafkaError) { finish(index, .failure(error)) }

    /// The report of a message, on the poll thread.
    static func delivered(_ message: UnsafePointer<rd_kafka_message_t>) {
        guard let opaque = message.pointee._private else { return }
        let slot = opaque.assumingMemoryBound(to: Slot.self).pointee
        let batch = slot.batch.takeUnretainedValue()
        let code = message.pointee.err
        batch.finish(
            slot.index,
            code == RD_KAFKA_RESP_ERR_NO_ERROR
                ? .success(Delivery(partition: message.pointee.partition, offset: message.pointee.offset))
                : .failure(KafkaError(code, label(message.pointee))))
        slot.batch.release()
    }

    private static func label(_ message: rd_kafka_message_t) -> String {
        OutgoingMessage.label(
            topic: message.rkt.flatMap { rd_kafka_topic_name($0) }.map { String(cString: $0) } ?? "",
            key: UnsafeRawBufferPointer(start: message.key, count: message.key_len),
            size: message.key_len + message.len)
    }

    private func finish(_ index: Int, _ result: Result<Delivery, KafkaError>) {
        results[index] = result
        guard remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        done.update { $0 = true }
        then?(results.compactMap { $0 })
    }

    /// All results, once they are there.
    func wait(for timeout: Duration) -> [Result<Delivery, KafkaError>]? {
        guard done.wait(for: timeout, { $0 ? true : nil }) == true else { return nil }
        return results.compactMap { $0 }
    }
}
