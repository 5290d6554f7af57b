import Kafka
import Postgres
import Synchronization

/// The transaction over a batch: offsets, inbox, the handler's effects and its outbox, all or nothing.
///
/// Nearly every batch is all new to its group, and none of it waits behind a dead letter. Such a one takes two round
/// trips besides the handler's: the first moves the offsets and claims the ids, the last writes the outbox and commits.
/// Where it turns out to be otherwise, that is rolled back, and the records are looked at one by one.
final class BatchTransaction: Sendable {
    private let group: String
    private let usesInbox: Bool
    private let handler: any BatchHandler
    private let expiry: MessageExpiry
    private let metrics: ConsumerMetrics
    private let isTraced: Bool
    /// The group had something parked when it was last looked.
    private let hasParked = Atomic(false)

    init(
        _ configuration: ConsumerRunner.Configuration, handler: any BatchHandler, metrics: ConsumerMetrics,
        isTraced: Bool
    ) {
        group = configuration.group
        usesInbox = configuration.usesInbox
        expiry = configuration.expiry
        self.handler = handler
        self.metrics = metrics
        self.isTraced = isTraced
    }

    /// With `giveUp`, the records become dead letters instead of being handled.
    func run(
        _ records: ArraySlice<ConsumedRecord>, giveUp: DeadLetters.Verdict?, on connection: Connection
    ) throws -> BatchResult {
        if giveUp == nil, !hasParked.load(ordering: .relaxed), !records.contains(where: { $0.malformed != nil }) {
            do {
                return try connection.transaction { try runPlain(records, on: $0) }
            } catch is NotPlain {}
        }
        return try connection.transaction { try runCareful(records, giveUp: giveUp, on: $0) }
    }

    /// The batch isn't what nearly every one is.
    private struct NotPlain: Error {}

    private func runPlain(_ records: ArraySlice<ConsumedRecord>, on connection: Connection) throws -> BatchResult {
        var result = BatchResult()
        let steps = ConsumerOffsets.steps(through: records)
        result.offsets = steps.mapValues(\.next)
        note(records, .repeated, in: &result)
        let messages = records.compactMap(\.message)
        result.tombstones = records.count { $0.isTombstone }
        result.skipped = records.count - messages.count - result.tombstones
        let distinct = usesInbox ? Self.distinct(messages) : messages
        let answers = try connection.pipeline { pipeline in
            ConsumerOffsets.advance(group: group, steps, in: &pipeline)
            if usesInbox, !distinct.isEmpty { Inbox.claim(group: group, distinct.map(\.identity), in: &pipeline) }
        }
        guard answers[0].count == steps.count else { throw NotPlain() }
        if try answers[0][0].get(0, as: Bool.self) {
            hasParked.store(true, ordering: .relaxed)
            throw NotPlain()
        }
        let new = answers.count > 1 ? try Inbox.new(of: distinct, answers[1]) : distinct
        result.repeated = messages.count - new.count
        let outbox = try handle(new, in: &result, on: connection)
        try connection.pipeline(committing: true) { Outbox.append(outbox, in: &$0) }
        return result
    }

    private func runCareful(
        _ records: ArraySlice<ConsumedRecord>, giveUp: DeadLetters.Verdict?, on connection: Connection
    ) throws -> BatchResult {
        var result = BatchResult()
        for record in records { result.offsets[record.partition] = record.source.offset + 1 }
        let stored = try ConsumerOffsets.lock(group: group, result.offsets.keys.sorted(), on: connection)
        let fresh = records.filter { $0.source.offset >= stored[$0.partition] ?? 0 }
        result.offsets = result.offsets.filter { $0.value > stored[$0.key] ?? 0 }
        result.repeated = records.count - fresh.count
        let anyParked = try DeadLetters.isAnyParked(group: group, on: connection)
        hasParked.store(anyParked, ordering: .relaxed)
        let flowing = try DeadLetters.divert(
            fresh, group: group, anyParked: anyParked, verdict: giveUp, on: connection, result: &result)
        note(fresh, .parked, in: &result)
        note(flowing, .repeated, in: &result)
        var messages = flowing.compactMap(\.message)
        result.tombstones = flowing.count { $0.isTombstone }
        result.skipped = flowing.count - messages.count - result.tombstones
        if usesInbox, !messages.isEmpty {
            let distinct = Self.distinct(messages)
            messages = try Inbox.new(
                of: distinct, connection.pipeline { Inbox.claim(group: group, distinct.map(\.identity), in: &$0) }[0])
            result.repeated += flowing.count - result.skipped - result.tombstones - messages.count
        }
        let outbox = try handle(messages, in: &result, on: connection)
        try connection.pipeline(committing: true) { pipeline in
            Outbox.append(outbox, in: &pipeline)
            ConsumerOffsets.store(group: group, result.offsets, in: &pipeline)
        }
        return result
    }

    /// Returns what the handler has for the outbox.
    private func handle(
        _ messages: [InboundMessage], in result: inout BatchResult, on connection: Connection
    ) throws -> [OutgoingEvent] {
        guard !messages.isEmpty else { return [] }
        var outbox: [OutgoingEvent] = []
        let started = ContinuousClock.now
        try expiry.handle(
            messages, by: handler, claimingFor: usesInbox ? nil : group, on: connection, outbox: &outbox)
        metrics.handler(started.duration(to: .now))
        result.handled = messages.count
        if isTraced {
            for message in messages where result.outcomes[message.source] != nil {
                result.outcomes[message.source] = .handled
            }
        }
        try RecordSize.check(outbox)
        result.wroteOutbox = result.wroteOutbox || !outbox.isEmpty
        return outbox
    }

    private func note(
        _ records: some Sequence<ConsumedRecord>, _ outcome: ConsumedRecord.Outcome, in result: inout BatchResult
    ) {
        guard isTraced else { return }
        for record in records where record.span != nil { result.outcomes[record.source] = outcome }
    }

    /// The first of each event.
    private static func distinct(_ messages: [InboundMessage]) -> [InboundMessage] {
        var ids = Set<String>(minimumCapacity: messages.count)
        return messages.filter { ids.insert($0.identity).inserted }
    }
}
