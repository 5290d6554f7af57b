import Execution
import Kafka
import Logging
import Postgres

/// Reads some of the live group's partitions, folds what they say, and writes it to the shadow, window after window, all
/// on one thread: a message's many pieces of memory are given back where they were taken, which is half of what reading
/// it costs when another thread does it.
final class ShadowLane {
    struct Limits: Sendable {
        let records: Int
        let bytes: Int
        /// Bytes read ahead.
        let memory: Int
        let patience: Duration
    }

    /// The live group had more to do than could be caught up with. What was read is kept for the next call.
    struct StillBehind: Error {}

    private let schema: ShadowSchema
    private let limits: Limits
    private let writing: Monitor<Void>
    private let logger: Logger
    private let connection: Connection
    private let source: ShadowSource
    private var letters = ShadowLetters()
    private var window: ShadowWindow
    private(set) var left = LeftOut()

    /// A deadlock with another lane ends one of the two, which comes again.
    private static let attempts = 5
    /// Records between two words on how far it is.
    private static let step = 5_000

    /// - Parameter writing: held while it writes: the same one as other lanes' where those change the same rows, such as sums.
    init(
        _ schema: ShadowSchema, from start: [TopicPartition: Int64], kafka: KafkaConfiguration,
        database: PostgresConfiguration, limits: Limits, writing: Monitor<Void>, logger: Logger
    ) throws {
        self.schema = schema
        self.limits = limits
        self.writing = writing
        self.logger = logger
        source = ShadowSource(
            kafka, from: start, memory: limits.memory, patience: limits.patience, logger: logger)
        window = ShadowWindow(fold: schema.model.fold(min(limits.records, 1_000)), from: start)
        connection = try Connection(database, logger: logger)
        try schema.enter(connection)
        // A commit that a crash of the server takes back takes back its offsets too, and is made again.
        try connection.script("SET synchronous_commit = off")
    }

    func close() { connection.close() }

    var next: [TopicPartition: Int64] { source.positions.next }

    /// Goes on to where the live group is, and commits.
    ///
    /// - Parameters:
    ///   - deadline: `StillBehind` is thrown when it passes first.
    ///   - onStep: called often; what it throws ends the call.
    func read(
        to bounds: [TopicPartition: Int64], without letters: ShadowLetters, until deadline: ContinuousClock.Instant?,
        onStep: () throws -> Void
    ) throws {
        self.letters = letters
        try source.extend(to: bounds)
        while !source.isThrough {
            let room = max(1, limits.records - window.records)
            let count = try source.take(max: min(Self.step, room), timeout: .milliseconds(50)) { try add($0) }
            if count == 0, let deadline, .now > deadline { throw StillBehind() }
            if window.records >= limits.records || window.bytes >= limits.bytes { try write() }
            try onStep()
        }
        try write()
    }

    /// Lets in letters that were left out, and commits.
    func letIn(_ letters: [StoredLetter]) throws {
        for letter in letters {
            if let message = try letter.message(by: schema.model.reader) { try window.fold.add(message) }
            window.letIn.append(letter.id)
        }
        try write()
    }

    private func add(_ record: ConsumedMessage) throws {
        window.records += 1
        window.bytes += record.value.count
        let consumed = ConsumedRecord(record, by: schema.model.reader)
        if consumed.skipped { return }
        // To leave it out would make another model than the live one.
        if let reason = consumed.unavailable { throw RebuildError("\(consumed.source): \(reason)") }
        if let letter = letters.id(of: consumed.source) {
            window.leftOut.append(letter)
            return
        }
        do throws(MessageRejected) {
            guard let message = consumed.message else { throw MessageRejected(consumed.malformed ?? "") }
            try window.fold.add(message)
        } catch {
            left.take(consumed.source)
            logger.debug("record_left_out", metadata: consumed.logFields(keyField: "key", ["error": "\(error)"]))
        }
    }

    private func write() throws {
        window.next = source.positions.next
        guard !window.isEmpty else { return }
        let start = ContinuousClock.now
        for attempt in 1... {
            do {
                try writing.withLock { _ in try window.write(group: schema.model.group, on: connection) }
                break
            } catch let error where Self.isMeeting(error) && attempt < Self.attempts {
                logger.debug("window_comes_again", metadata: ["error": "\(error)"])
            }
        }
        logger.debug(
            "window_written", metadata: ["records": "\(window.records)", "time": "\(start.duration(to: .now))"])
        window = ShadowWindow(
            fold: schema.model.fold(min(limits.records, max(1_000, window.records))), from: source.positions.next)
    }

    /// Two lanes wanted the same rows: a foreign producer has put facts of one order under two keys.
    private static func isMeeting(_ error: any Error) -> Bool {
        error is ConcurrentChange || (error as? PostgresError)?.cause == .contention
    }
}

extension ShadowLane {
    /// Records that can't be handled and are no dead letters of the live group.
    struct LeftOut: Sendable {
        private(set) var count = 0
        private(set) var first: InboundMessage.Source?

        mutating func take(_ source: InboundMessage.Source) {
            count += 1
            if first == nil { first = source }
        }

        /// The first of several lanes' is the one of the lowest partition.
        static func + (one: LeftOut, other: LeftOut) -> LeftOut {
            var sum = one
            sum.count += other.count
            if let place = other.first {
                let isBefore = one.first.map { (place.topic, place.partition) < ($0.topic, $0.partition) } ?? true
                if isBefore { sum.first = place }
            }
            return sum
        }
    }
}
