import Execution
import Foundation
import JSON
import Kafka
import Logging
import Postgres

/// Answers the requests of a topic, as a member of a consumer group, in batches.
///
/// An answer changes nothing, and who misses one asks again: so there is neither inbox nor outbox nor dead letter, and
/// replies go out by a plain producer that gives up what is late. What has passed its deadline isn't worked on; after a
/// while away a group is through its backlog at the speed of reading.
public final class RequestResponder: Sendable {
    public struct Configuration: Sendable {
        public var group: String
        public var topic: String
        /// `ce_source` of the answers.
        public var source: String
        /// Requests that are answered at once.
        public var batchSize = 500

        public init(group: String, topic: String, source: String) {
            self.group = group
            self.topic = topic
            self.source = source
        }
    }

    /// One answer a request, in their order. `connection` is outside of any transaction.
    public typealias Answer =
        @Sendable (_ requests: [InboundMessage], _ connection: Connection) throws -> [Result<Reply, RequestRefusal>]

    public struct Reply: Sendable {
        public let type: String
        public let schemaVersion: Int
        /// JSON.
        public let payload: [UInt8]

        public init(type: String, schemaVersion: Int = 1, payload: [UInt8]) {
            self.type = type
            self.schemaVersion = schemaVersion
            self.payload = payload
        }
    }

    private let configuration: Configuration
    private let kafka: KafkaConfiguration
    private let database: PostgresConfiguration
    private let reader: RecordReader
    private let answer: Answer
    private let metrics: ResponderMetrics
    private let logger: Logger

    public init(
        _ configuration: Configuration, kafka: KafkaConfiguration, database: PostgresConfiguration,
        reader: RecordReader, logger: Logger, answer: @escaping Answer
    ) {
        self.configuration = configuration
        self.kafka = kafka
        self.database = database
        self.reader = reader
        self.answer = answer
        metrics = ResponderMetrics(group: configuration.group)
        var logger = logger
        logger[metadataKey: "group"] = "\(configuration.group)"
        self.logger = logger
    }

    /// Answers until `stop`. Blocks the calling thread. Throws only what no retry can mend.
    public func run(until stop: StopSignal) throws {
        let connection = ReconnectingConnection(database, name: configuration.group, stop: stop, logger: logger)
        var producing = ProducerConfiguration(kafka)
        producing.givesUpAfter = .seconds(5)
        let producer = try Producer(producing, logger: logger)
        defer { producer.close(timeout: .seconds(1)) }
        var rejoins = Backoff(base: .milliseconds(500), cap: .seconds(15))
        var claim = InstanceClaim(kafka.membershipName, isDevBroker: kafka.isDevBroker)
        while !stop.isStopped {
            let places = HeldPlaces()
            let member = try BatchConsumer(
                ConsumerConfiguration(
                    kafka.named(claim.current), group: configuration.group, topics: [configuration.topic]),
                listener: places, logger: logger)
            defer { member.close(timeout: .seconds(5)) }
            do {
                try serve(as: member, places, producer, connection, until: stop) { rejoins.reset() }
            } catch let error as KafkaError where error.isFatal {
                if error.isFenced { _ = claim.fenced() }
                logger.error("member_lost", metadata: ["error": "\(error)"])
                stop.wait(for: rejoins.next())
            }
        }
    }

    private func serve(
        as member: BatchConsumer, _ places: HeldPlaces, _ producer: Producer, _ connection: ReconnectingConnection,
        until stop: StopSignal, onProgress: () -> Void
    ) throws {
        var read = GatheredOffsets()
        while !stop.isStopped {
            let batch = try member.nextBatch(max: configuration.batchSize, timeout: .milliseconds(500))
            if let batch {
                var next: [TopicPartition: Int64] = [:]
                let asked = batch.compactMap { record in
                    next[TopicPartition(topic: record.topic, partition: record.partition)] = record.offset + 1
                    return question(record)
                }
                reply(to: asked, by: producer, on: connection)
                read.note(next)
                member.finish(batch)
                onProgress()
            }
            if read.isDue { member.commit(read.take(having: places.held)) }
        }
        member.commit(read.take(having: places.held))
    }

    // MARK: One batch

    private struct Question {
        let message: InboundMessage
        let replyTo: String
        /// Microseconds since the Unix epoch.
        let deadline: Int64
    }

    /// Nil for what nobody waits for, or can't be read.
    private func question(_ record: ConsumedMessage) -> Question? {
        func text(_ name: String) -> String? { record.header(name).flatMap { EnvelopeHeaders.text($0) } }
        guard let replyTo = text(RequestHeader.replyTo), replyTo.hasPrefix(ReplyTopic.prefix),
            let deadline = text(RequestHeader.deadline).flatMap({ RFC3339.microseconds($0) })
        else {
            metrics.count(.unreadable)
            return nil
        }
        guard deadline > WallClock.nowMicroseconds() else {
            metrics.count(.expired)
            return nil
        }
        switch reader.read(record) {
        case .event(let message): return Question(message: message, replyTo: replyTo, deadline: deadline)
        case .nothing: return nil
        case .poison(let reason):
            metrics.count(.unreadable)
            logger.debug("request_unreadable", metadata: ["reason": "\(reason)"])
        case .forged(let reason):
            metrics.count(.forged)
            logger.warning("request_forged", metadata: ["reason": "\(reason)"])
        // Nobody waits until it passes.
        case .unavailable(let reason):
            metrics.count(.failed)
            logger.warning("request_unreadable", metadata: ["reason": "\(reason)"])
        }
        return nil
    }

    private func reply(to asked: [Question], by producer: Producer, on connection: ReconnectingConnection) {
        guard !asked.isEmpty else { return }
        let answers = answers(to: asked[...], on: connection)
        // The database may have taken its time.
        let now = WallClock.nowMicroseconds()
        var messages: [OutgoingMessage] = []
        for (question, answer) in zip(asked, answers) {
            guard question.deadline > now else {
                metrics.count(.expired)
                continue
            }
            do {
                messages.append(try message(answer, to: question, at: now))
                if case .success = answer { metrics.count(.answered) } else { metrics.count(.refused) }
            } catch {
                metrics.count(.failed)
                logger.error("reply_not_written", metadata: ["error": "\(error)"])
            }
        }
        do {
            try producer.post(messages) { [metrics, logger] results in
                let failures = results.compactMap { if case .failure(let error) = $0 { error } else { nil } }
                guard let first = failures.first else { return }
                // Its reader has gone, as a rule.
                metrics.count(.undelivered, failures.count)
                logger.debug("replies_undelivered", metadata: ["count": "\(failures.count)", "error": "\(first)"])
            }
        } catch {
            metrics.count(.undelivered, messages.count)
            logger.warning("replies_undelivered", metadata: ["count": "\(messages.count)", "error": "\(error)"])
        }
    }

    /// A request that can't be answered doesn't spoil it for the others of its batch.
    private func answers(
        to asked: ArraySlice<Question>, on connection: ReconnectingConnection
    ) -> [Result<Reply, RequestRefusal>] {
        do {
            let answers = try connection.run { try answer(asked.map(\.message), $0) }
            guard answers.count == asked.count else { throw MissingAnswers(asked: asked.count, given: answers.count) }
            return answers
        } catch let error as PostgresError where error.isPassing || error.kind == .closed {
            logger.warning("database_unavailable", metadata: ["error": "\(error)"])
            return asked.map { _ in .failure(RequestRefusal("can't be answered now", isPassing: true)) }
        } catch {
            guard asked.count == 1 else {
                return asked.indices.flatMap { answers(to: asked[$0...$0], on: connection) }
            }
            metrics.count(.failed)
            logger.error("request_failed", metadata: ["error": "\(error)"])
            return [.failure(RequestRefusal("can't be answered"))]
        }
    }

    private func message(
        _ answer: Result<Reply, RequestRefusal>, to question: Question, at now: Int64
    ) throws -> OutgoingMessage {
        let asked = question.message
        let metadata = EventMetadata(
            id: UUID().uuidString.lowercased(), source: configuration.source, time: now, tenant: asked.tenant,
            correlationID: asked.correlationID, causationID: asked.id, traceparent: asked.traceparent)
        let reply =
            switch answer {
            case .success(let reply): reply
            case .failure(let refusal): Reply(type: RequestRefusal.type, payload: refusal.payload())
            }
        return try OutgoingRequest.message(
            to: question.replyTo, type: reply.type, schemaVersion: reply.schemaVersion, payload: reply.payload, metadata
        )
    }
}

/// A mistake of the one who answers.
private struct MissingAnswers: Error, CustomStringConvertible {
    let asked: Int
    let given: Int
    var description: String { "\(given) answers to \(asked) requests" }
}

/// The partitions of a responder's member, which begin where the group has got to.
private final class HeldPlaces: RebalanceListener {
    private let places = Monitor<Set<TopicPartition>>([])

    var held: Set<TopicPartition> { places.withLock { $0 } }

    func partitionsAssigned(_ partitions: [TopicPartition]) -> [TopicPartition: Int64] {
        places.withLock { $0.formUnion(partitions) }
        return [:]
    }

    func partitionsRevoked(_ partitions: [TopicPartition], lost: Bool) {
        places.withLock { $0.subtract(partitions) }
    }
}
