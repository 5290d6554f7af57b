import Execution
import Kafka
import Logging
import Telemetry

/// Sees a page's records through to the brokers.
///
/// A record that the brokers find too large is tried once more by itself: it may only have shared a batch that was. A
/// dead letter's copy is cut to what is ours, or left out, since the letter is in the database. A fact is never left
/// out, nor anything sent that comes after it.
struct RelayPublication {
    let producer: Producer
    let traces: Traces?
    let logger: Logger

    private static let timeout: Duration = .seconds(120)
    /// Facts larger than this, which is no usual one, go apart: whatever limit the brokers have, nothing behind one of
    /// them is on its way before they have it.
    private static let apart = 16_384

    /// Returns when the brokers have every record; throws when they refused one or `stop` came first.
    ///
    /// Copies go first: who acts on a fact can have read it only after its copies were there. So what comes of it, by
    /// whatever service, is copied behind them, and a route's topic has the facts of one key as they caused each other.
    ///
    /// - Parameter meanwhile: done while the brokers have the last of them in hand; not at all where there is none.
    func publish(_ records: [RelayRecord], until stop: StopSignal, meanwhile: () -> Void = {}) throws {
        try publishTogether(records.copies, until: stop) {}
        try publishTogether(records, until: stop, meanwhile: meanwhile)
    }

    private func publishTogether(_ records: [RelayRecord], until stop: StopSignal, meanwhile: () -> Void) throws {
        var rest = records[...]
        while !rest.isEmpty {
            let large = rest.indices.first { !rest[$0].isDeadLetter && rest[$0].size > Self.apart }
            let end = large.map { max($0, rest.startIndex + 1) } ?? rest.endIndex
            let next = rest[..<end]
            let results = try send(next, until: stop) { if end == records.endIndex { meanwhile() } }
            for (index, result) in zip(next.indices, results) {
                guard case .failure(let error) = result else { continue }
                if error.isMissingTopic { throw TopicMissing(error) }
                guard error.isTooLarge else { throw error }
                try publishAlone(next[index], until: stop)
            }
            rest = rest[end...]
        }
    }

    private func send(
        _ records: ArraySlice<RelayRecord>, until stop: StopSignal, meanwhile: () -> Void
    ) throws -> [Result<Delivery, KafkaError>] {
        var messages = records.map(\.message)
        var spans = traces.map { RelaySpans($0) }
        spans?.begin(&messages)
        do {
            let results = try producer.publish(
                messages, timeout: Self.timeout, until: stop, meanwhile: meanwhile)
            spans?.end(results)
            return results
        } catch {
            spans?.fail(error)
            throw error
        }
    }

    private func publishAlone(_ record: RelayRecord, until stop: StopSignal) throws {
        if try isTaken(record, until: stop) { return }
        guard record.isDeadLetter else { throw RecordTooLarge(record) }
        let fields: Logger.Metadata = [
            "topic": "\(record.message.topic)", "position": "\(record.position)",
            "bytes": "\(record.size)",
        ]
        if try isTaken(record.stripped, until: stop) {
            logger.warning("dead_letter_copy_cut", metadata: fields)
        } else {
            logger.error("dead_letter_copy_dropped", metadata: fields)
        }
    }

    /// False where it is too large by itself.
    private func isTaken(_ record: RelayRecord, until stop: StopSignal) throws -> Bool {
        switch try producer.publish([record.message], timeout: Self.timeout, until: stop)[0] {
        case .success: return true
        case .failure(let error) where error.isTooLarge: return false
        case .failure(let error): throw error
        }
    }
}

/// A topic that nobody has made; none is made by publishing to it.
struct TopicMissing: Error, CustomStringConvertible {
    let description: String

    init(_ error: KafkaError) { description = "\(error): the topic is missing; `orderflow topics create` makes it" }
}

/// The brokers, or our own client, take no record of this size, and none after it may go before it: a limit has to be
/// raised.
struct RecordTooLarge: Error, CustomStringConvertible {
    let description: String

    init(_ record: RelayRecord) {
        let message = record.message
        let key = String(decoding: message.key ?? [], as: UTF8.self)
        description = """
            the record at position \(record.position), of \(record.size) bytes with key \(key) for \
            \(message.topic), is too large for the brokers or our client; it holds up all after it: raise \
            max.message.bytes of its topic, and message.max.bytes under kafka.properties
            """
    }
}
