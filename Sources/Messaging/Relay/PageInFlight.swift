import Execution
import Kafka
import Telemetry

/// A page of rows that was handed to the producer and isn't acknowledged yet.
struct PageInFlight {
    /// How long the brokers may take for a page.
    static let patience: Duration = .seconds(120)

    let rows: Int
    /// The checkpoint once every record is acknowledged.
    let next: RelayCheckpoint
    /// When the oldest of its events happened, microseconds since the Unix epoch.
    let oldest: Int64?

    private let producer: Producer
    private let publication: Producer.Publication
    private let spans: RelaySpans?

    /// Hands `messages`, the records of `page`, to the producer, behind `earlier`.
    init(
        _ page: RelayWindow.Page, _ messages: [OutgoingMessage], oldest: Int64?, after earlier: PageInFlight?,
        by producer: Producer, traces: Traces?, until stop: StopSignal
    ) throws {
        var messages = messages
        var spans = traces.map { RelaySpans($0) }
        spans?.begin(&messages)
        do {
            publication = try producer.begin(
                messages, after: earlier?.publication, timeout: Self.patience, until: stop)
        } catch {
            spans?.fail(error)
            throw error
        }
        rows = page.rows.count
        next = page.next
        self.oldest = oldest
        self.producer = producer
        self.spans = spans
    }

    /// Returns when the brokers have every record; throws when they refused one, or `stop` or `patience` came first.
    func land(within patience: Duration = Self.patience, until stop: StopSignal) throws {
        let results: [Result<Delivery, KafkaError>]
        do {
            results = try producer.results(of: publication, timeout: patience, until: stop)
        } catch {
            spans?.fail(error)
            throw error
        }
        spans?.end(results)
        for case .failure(let error) in results {
            if error.isTooLarge { throw RecordTooLarge(error) }
            throw error
        }
    }
}

/// The brokers take no record of this size, and none after it may go before it: the topic's limit has to be raised.
struct RecordTooLarge: Error, CustomStringConvertible {
    let description: String

    init(_ error: KafkaError) {
        description = """
            \(error); it holds up all after it: raise max.message.bytes of its topic, and message.max.bytes under \
            kafka.properties
            """
    }
}
