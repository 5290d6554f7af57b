import Execution
import Kafka
import Logging
import Postgres

/// Whether consumer groups have handled all that their topics had before a moment. Who judges by what hasn't been heard (a
/// deadline, a read model) has to know that first: what lies unread in a backlog was said in time.
///
/// Goes by the offsets in the service's database, which move with the effects, of whichever process; and by the times of
/// records as the brokers have them (KIP-79, ListOffsets). Those are the clocks of producers, or of brokers where a
/// topic's `message.timestamp.type` says so: the difference between clocks is the answer's error.
///
/// Asks Kafka only for what isn't known from an earlier answer. Blocks the calling thread.
public final class ReadingProgress: Sendable {
    private let groups: [String]
    private let topics: Set<String>
    private let kafka: KafkaConfiguration
    private let logger: Logger
    private let admin = Monitor<Admin?>(nil)
    private let memory = Monitor(Memory())

    private struct Memory {
        /// All before it was handled.
        var handled = Int64.min
        /// Where groups stood, when that was last asked for, and whether records were found there.
        var tails: [Place: (tail: Tail, isUnread: Bool)] = [:]
    }

    private struct Place: Hashable {
        let group: String
        let partition: TopicPartition
    }

    /// What lies between a group's offset and the end that it has to reach.
    private struct Tail: Equatable {
        let next: Int64
        let end: Int64
    }

    /// For one answer of a broker.
    private static let timeout: Duration = .seconds(5)

    public init(of groups: [String], topics: Set<String>, kafka: KafkaConfiguration, logger: Logger) {
        self.groups = groups
        self.topics = topics
        self.kafka = kafka
        self.logger = logger
    }

    /// - Parameters:
    ///   - time: microseconds since the Unix epoch.
    ///   - connection: to the database that has the groups' offsets.
    /// - Throws: where the brokers or the database don't answer: then it isn't known.
    public func hasHandled(before time: Int64, on connection: Connection) throws -> Bool {
        if memory.withLock({ time <= $0.handled }) { return true }
        let admin = try connected()
        let partitions = try admin.topics().filter { topics.contains($0.name) }.flatMap(\.places)
        // Offsets first: what is read meanwhile only makes the answer more cautious.
        let offsets = try groups.map { ($0, try ConsumerOffsets.load(group: $0, partitions, on: connection)) }
        let ends = try admin.offsets(notBefore: time / 1_000, of: partitions)
        for (group, next) in offsets {
            for partition in partitions {
                let place = Place(group: group, partition: partition)
                guard try isHandled(place, from: next[partition], to: ends[partition], admin) else { return false }
            }
        }
        memory.withLock { $0.handled = max($0.handled, time) }
        return true
    }

    /// The same, for those who wait where it isn't known.
    package func isKnownToHaveHandled(before time: Int64, on connection: Connection) -> Bool {
        (try? hasHandled(before: time, on: connection)) ?? false
    }

    /// - Parameter end: of what came before the moment; nil where nothing came after it.
    private func isHandled(_ place: Place, from next: Int64?, to end: Int64?, _ admin: Admin) throws -> Bool {
        if let next, let end { return next >= end }
        let marks = try admin.watermarks(place.partition)
        // Without an offset the group begins with the first record.
        let tail = Tail(next: max(next ?? marks.low, marks.low), end: end ?? marks.high)
        if tail.next >= tail.end { return true }
        // The rest may be marks of transactions, which no consumer sees and no offset passes. It is looked at once the
        // group has stood before it twice.
        let known = memory.withLock { memory in
            let known = memory.tails[place]
            if known?.tail != tail { memory.tails[place] = (tail, false) }
            return known
        }
        guard let known, known.tail == tail, !known.isUnread else { return false }
        if try isEmpty(tail, of: place.partition) { return true }
        memory.withLock { $0.tails[place]?.isUnread = true }
        return false
    }

    private func isEmpty(_ tail: Tail, of partition: TopicPartition) throws -> Bool {
        let reader = try PartitionReader(kafka, [partition: tail.next..<tail.end], logger: logger)
        let deadline = ContinuousClock.now + Self.timeout
        while !reader.isFinished, .now < deadline {
            if let batch = try reader.nextBatch(max: 1, timeout: .milliseconds(200)), !batch.isEmpty { return false }
        }
        return reader.isFinished
    }

    private func connected() throws -> Admin {
        if let admin = admin.withLock({ $0 }) { return admin }
        let new = try Admin(kafka, timeout: Self.timeout, logger: logger)
        return admin.withLock { admin in
            if let admin { return admin }
            admin = new
            return new
        }
    }
}
