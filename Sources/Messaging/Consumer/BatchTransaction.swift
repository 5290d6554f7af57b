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
        if giveUp == nil, looksPlain(records) {
            do {
                return try connection.transaction { try runPlain(records, on: $0) }
            } catch is NotPlain {}
        }
        return try connection.transaction { try runCareful(records, giveUp: giveUp, on: $0) }
    }

    /// The batch isn't what nearly every one is.
    private struct NotPlain: Error {}

    private func runPlain(_ records: ArraySlice<ConsumedRecord>, on connection: Connection) throws -> BatchResult {
        let plain = Plain(records, usesInbox: usesInbox)
        let answers = try connection.pipeline { claim(plain, in: &$0) }
        let (result, outbox) = try apply(plain, answers[...], on: connection)
        try connection.pipeline(committing: true) { Outbox.append(outbox, in: &$0) }
        return result
    }

    /// A batch that is taken for one like nearly all.
    private struct Plain {
        let records: ArraySlice<ConsumedRecord>
        let steps: [TopicPartition: ConsumerOffsets.Step]
        let messages: [InboundMessage]
        /// Those that are to be claimed, where there is an inbox.
        let distinct: [InboundMessage]

        init(_ records: ArraySlice<ConsumedRecord>, usesInbox: Bool) {
            self.records = records
            steps = ConsumerOffsets.steps(through: records)
            messages = records.compactMap(\.message)
            distinct = usesInbox ? BatchTransaction.distinct(messages) : messages
        }
    }

    /// Whether it may be a plain one, as far as is known before anything is asked.
    private func looksPlain(_ records: ArraySlice<ConsumedRecord>) -> Bool {
        !hasParked.load(ordering: .relaxed) && !records.contains { $0.malformed != nil }
    }

    /// Moves the offsets, and claims the ids: `claims` statements.
    private func claim(_ plain: Plain, in pipeline: inout Pipeline) {
        ConsumerOffsets.advance(group: group, plain.steps, in: &pipeline)
        if claims(plain) > 1 { Inbox.claim(group: group, plain.distinct.map(\.identity), in: &pipeline) }
    }

    private func claims(_ plain: Plain) -> Int { usesInbox && !plain.distinct.isEmpty ? 2 : 1 }

    /// Handles what is new by the answers to `claim`. Returns what the handler has for the outbox, too.
    private func apply(
        _ plain: Plain, _ answers: ArraySlice<Rows>, on connection: Connection
    ) throws -> (BatchResult, [OutgoingEvent]) {
        var answers = answers
        guard let offsets = answers.popFirst(), offsets.count == plain.steps.count, let first = offsets.first else {
            throw NotPlain()
        }
        if try first.get(0, as: Bool.self) {
            hasParked.store(true, ordering: .relaxed)
            throw NotPlain()
        }
        var result = BatchResult()
        result.offsets = plain.steps.mapValues(\.next)
        note(plain.records, .repeated, in: &result)
        result.tombstones = plain.records.count { $0.isTombstone }
        result.skipped = plain.records.count - plain.messages.count - result.tombstones
        let new = try answers.popFirst().map { try Inbox.new(of: plain.distinct, $0) } ?? plain.distinct
        result.repeated = plain.messages.count - new.count
        let outbox = try handle(new, in: &result, on: connection)
        return (result, outbox)
    }

    private func runCareful(
        _ records: ArraySlice<ConsumedRecord>, giveUp: DeadLetters.Verdict?, on connection: Connection
    ) throws -> BatchResult {
        let (result, outbox) = try applyCarefully(records, giveUp: giveUp, on: connection)
        try connection.pipeline(committing: true) { pipeline in
            Outbox.append(outbox, in: &pipeline)
            ConsumerOffsets.store(group: group, result.offsets, in: &pipeline)
        }
        return result
    }

    /// Looks at the records one by one. What is left to be written are the outbox and the offsets.
    private func applyCarefully(
        _ records: ArraySlice<ConsumedRecord>, giveUp: DeadLetters.Verdict?, on connection: Connection
    ) throws -> (BatchResult, [OutgoingEvent]) {
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
        return (result, outbox)
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

extension BatchTransaction {
    /// What one of several groups has to handle in a transaction that they share.
    struct Share {
        let transaction: BatchTransaction
        let records: ArraySlice<ConsumedRecord>
    }

    /// One group is why nothing of a shared transaction was committed.
    struct ShareFailure: Error {
        /// Of its share.
        let index: Int
        let error: any Error
    }

    /// Does the shares of several groups, all or none: the offsets of all in one round trip, each group's work, and all that
    /// is left with the COMMIT. Throws `ShareFailure` where a handler is at fault; errors of PostgreSQL that pass by
    /// themselves, and `ConcurrentChange`, as they are.
    static func run(_ shares: [Share], on connection: Connection) throws -> [BatchResult] {
        var careful = Set(shares.indices.filter { !shares[$0].transaction.looksPlain(shares[$0].records) })
        while true {
            do {
                return try connection.transaction { try attempt(shares, careful, on: $0) }
            } catch let failure as ShareFailure where failure.error is NotPlain {
                careful.insert(failure.index)
            }
        }
    }

    private static func attempt(
        _ shares: [Share], _ careful: Set<Int>, on connection: Connection
    ) throws -> [BatchResult] {
        let plain = shares.enumerated().map { index, share in
            careful.contains(index) ? nil : Plain(share.records, usesInbox: share.transaction.usesInbox)
        }
        var answers = try connection.pipeline { pipeline in
            for (share, plain) in zip(shares, plain) {
                if let plain { share.transaction.claim(plain, in: &pipeline) }
            }
        }[...]
        var outcomes: [(result: BatchResult, outbox: [OutgoingEvent])] = []
        for (index, share) in shares.enumerated() {
            do {
                if let plain = plain[index] {
                    let claims = share.transaction.claims(plain)
                    outcomes.append(try share.transaction.apply(plain, answers.prefix(claims), on: connection))
                    answers = answers.dropFirst(claims)
                } else {
                    outcomes.append(try share.transaction.applyCarefully(share.records, giveUp: nil, on: connection))
                }
            } catch let error as PostgresError where error.isPassing || error.kind == .closed {
                throw error
            } catch let error as ConcurrentChange {
                throw error
            } catch {
                throw ShareFailure(index: index, error: error)
            }
        }
        try connection.pipeline(committing: true) { pipeline in
            for (index, outcome) in outcomes.enumerated() {
                Outbox.append(outcome.outbox, in: &pipeline)
                guard careful.contains(index) else { continue }
                ConsumerOffsets.store(group: shares[index].transaction.group, outcome.result.offsets, in: &pipeline)
            }
        }
        return outcomes.map(\.result)
    }
}
