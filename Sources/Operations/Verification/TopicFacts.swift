import Kafka
import Logging
import Messaging
import NotificationFacts
import OrderAPI
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres
import ShippingFacts

/// The facts of a topic and its lane, sorted by order: a topic has them by time, and millions don't fit in memory. They go
/// to a temporary table beside the event store, which is gone with the connection.
struct TopicFacts {
    /// Records read.
    private(set) var records = 0
    /// Records that no consumer can handle. What carries no fact isn't counted: all of them pass it over.
    private(set) var unreadable = 0
    /// Orders that they tell of, as often as they are announced.
    private(set) var announced = 0

    private let known: FactCatalogue
    private let reader: RecordReader

    private init(_ known: FactCatalogue) {
        self.known = known
        reader = RecordReader(types: known.orderFacts.types, content: known.door)
    }

    private static let chunk = 20_000
    /// Bytes that are read ahead.
    private static let memory = 16 << 20
    /// Without a record, below the statement timeout of the COPY.
    private static let patience: Duration = .seconds(20)

    /// Reads the topics up to what they hold now.
    ///
    /// - Parameters:
    ///   - known: all facts of the installation.
    ///   - onProgress: called a few times for each chunk.
    static func load(
        _ topics: [String], known: FactCatalogue, kafka: KafkaConfiguration, on connection: Connection, logger: Logger,
        onProgress: (VerificationProgress) -> Void
    ) throws -> TopicFacts {
        try connection.script(
            """
            CREATE TEMPORARY TABLE topic_facts (
                tenant text, order_id text, id text, plain_id text, type text, stream_version int, detail text, topic text,
                partition int, "offset" bigint
            )
            """)
        let admin = try Admin(kafka, logger: logger)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for place in try admin.topics().filter({ topics.contains($0.name) }).flatMap(\.places) {
            let marks = try admin.watermarks(place)
            ranges[place] = min(marks.low, marks.high)..<marks.high
        }
        let total = ranges.values.reduce(0) { $0 + $1.count }
        let reader = try PartitionReader(kafka, ranges, memory: Self.memory, logger: logger)
        var facts = TopicFacts(known)
        onProgress(VerificationProgress(stage: .reading, total: total))
        var lastBatch = ContinuousClock.now
        while !reader.isFinished {
            // A COPY for each chunk: the server's time limit is for one statement.
            try connection.copyIn("COPY topic_facts FROM STDIN (FORMAT binary)") { copy in
                var rows = 0
                while rows < Self.chunk, !reader.isFinished {
                    guard let batch = try reader.nextBatch(max: 1_000, timeout: .milliseconds(500)) else {
                        if lastBatch + Self.patience < .now { throw NothingComes(reason: reader.lastError) }
                        if rows > 0 { return }
                        continue
                    }
                    lastBatch = .now
                    for record in batch { try facts.add(record, to: copy) }
                    rows += batch.count
                    onProgress(VerificationProgress(stage: .reading, done: facts.records, total: total))
                }
            }
        }
        onProgress(VerificationProgress(stage: .sorting))
        try connection.withStatementTimeout(.seconds(3600)) { connection in
            try connection.script(
                """
                CREATE INDEX ON topic_facts (tenant, order_id);
                ANALYZE topic_facts;
                """)
        }
        return facts
    }

    /// The brokers say that there are more records, and don't give them.
    private struct NothingComes: Error, CustomStringConvertible {
        let reason: KafkaError?
        var description: String { "no records come from the brokers\(reason.map { ": \($0)" } ?? "")" }
    }

    private mutating func add(_ record: ConsumedMessage, to copy: CopyWriter) throws {
        records += 1
        let message: InboundMessage
        switch reader.read(record) {
        case .event(let event): message = event
        case .nothing: return
        case .poison, .forged:
            unreadable += 1
            return
        case .unavailable(let reason):
            throw RecordUnavailable("\(record.topic)/\(record.partition)/\(record.offset): \(reason)")
        }
        guard let fact = try message.payload(of: known) as? any OrderFact else { return }
        if fact is OrderCreated { announced += 1 }
        // Others may number their events too.
        let version = message.origin == OrderStreams.source ? message.streamVersion : nil
        try copy.row([
            .text(message.tenant), .text(fact.orderID), .text(message.identity), .text(message.id),
            .text(message.type), .int4(version.map { Int32(clamping: $0) }), .text(Self.detail(fact)),
            .text(record.topic), .int4(record.partition), .int8(record.offset),
        ])
    }

    /// What makes two facts of a type two effects.
    private static func detail(_ fact: any OrderFact) -> String? {
        switch fact {
        case let payment as PaymentProcessed: payment.reference
        case let refund as PaymentRefunded: refund.reference
        case let shipment as ShipmentCreated: shipment.shipmentID
        case let shipment as ShipmentDispatched: shipment.shipmentID
        case let mail as NotificationSent: mail.kind
        default: nil
        }
    }
}
