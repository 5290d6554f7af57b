import Postgres
import Telemetry

/// Letters of keys that are to be released, handled together as a consumer handles a batch: where that fails, in
/// halves, until the one letter is found that can't be. That one is dead again and stays in front of its key; what came
/// before it, and other keys, are through. One that turns out to be forged is taken out of its key, and holds up nothing.
struct RedeliveryBatch {
    let group: String
    let handler: any BatchHandler
    let reader: RecordReader
    /// False for handlers that know by themselves what they have heard: to claim a message for them would be to tell them
    /// that they have heard it.
    let usesInbox: Bool
    let traces: Traces?

    struct Outcome {
        var handled: [StoredLetter] = []
        var failed: [(letter: StoredLetter, error: String)] = []
        /// Those of `failed` that aren't believed, and stood among letters that are.
        var expelled: [StoredLetter] = []
        /// Can't be read now; asked for again by the next look.
        var waiting: [(letter: StoredLetter, reason: String)] = []
    }

    /// Inside a transaction; nil where nothing is asked for, or others have it. Throws for what passes by itself, such as
    /// a database that is away or another release that was faster: the transaction is to be rolled back then.
    func run(limit: Int, bytes: Int, on connection: Connection) throws -> Outcome? {
        let locked = try ParkedKeys.lockAsked(group: group, limit: limit, on: connection)
        guard !locked.isEmpty else { return nil }
        var letters = try StoredLetter.open(
            of: locked, group: group, limit: max(1, limit / locked.count), bytes: bytes, on: connection)
        // Only who was first before the lock is asked for; another release may have been faster.
        var heads: [ParkingKey: StoredLetter] = [:]
        for letter in letters where heads[letter.key] == nil { heads[letter.key] = letter }
        letters.removeAll { heads[$0.key]?.status != "retry" }
        let outcome = try handle(letters, on: connection)
        try write(outcome, of: letters, on: connection)
        return outcome
    }

    private func handle(_ letters: [StoredLetter], on connection: Connection) throws -> Outcome {
        var outcome = Outcome()
        var stuck: Set<ParkingKey> = []
        // A letter that can't be read holds up its own key, and no other.
        var waiting: Set<ParkingKey> = []
        var spans = Spans(traces: traces, group: group)
        var work = [letters[...]]
        while let next = work.popLast() {
            let part = next.filter { !stuck.contains($0.key) && !waiting.contains($0.key) }
            guard !part.isEmpty else { continue }
            do {
                try connection.savepoint { try self.handle(part, &spans, on: $0) }
                outcome.handled += part
                spans.end(part)
            } catch let error as PostgresError where error.isPassing {
                throw error
            } catch let race as ConcurrentChange {
                // The next round decides on what is true then.
                throw race
            } catch {
                guard part.count == 1, let letter = part.first else {
                    work.append(part[(part.count / 2)...])
                    work.append(part[..<(part.count / 2)])
                    continue
                }
                if let outage = error as? RecordUnavailable {
                    outcome.waiting.append((letter, "\(outage)"))
                    waiting.insert(letter.key)
                    spans.end(part, failure: error)
                    continue
                }
                outcome.failed.append((letter, "\(error)"))
                if error is RecordForged, !letter.key.isForged {
                    outcome.expelled.append(letter)
                } else {
                    stuck.insert(letter.key)
                }
                spans.end(part, failure: error)
            }
        }
        return outcome
    }

    private func handle(_ letters: [StoredLetter], _ spans: inout Spans, on connection: Connection) throws {
        var messages: [InboundMessage] = []
        var ids: Set<String> = []
        let doubted = letters.filter(\.key.isForged).map(\.keyIfBelieved)
        let ahead = doubted.isEmpty ? [:] : try ParkedKeys.heads(of: Set(doubted), group: group, on: connection)
        for letter in letters {
            guard var message = try letter.message(by: reader) else { continue }
            if letter.key.isForged, let head = ahead[letter.keyIfBelieved] {
                throw MessageRejected("letter \(head.id) of the same key comes first: retry or discard that one first")
            }
            spans.follow(letter, &message)
            if ids.insert(message.identity).inserted { messages.append(message) }
        }
        if usesInbox, !messages.isEmpty {
            let new = try Inbox.claim(group: group, messages.map(\.identity), on: connection)
            messages.removeAll { !new.contains($0.identity) }
        }
        guard !messages.isEmpty else { return }
        var outbox: [OutgoingEvent] = []
        try handler.handle(messages, on: connection, outbox: &outbox)
        try RecordSize.check(outbox)
        try Outbox.append(outbox, on: connection)
    }

    private func write(_ outcome: Outcome, of letters: [StoredLetter], on connection: Connection) throws {
        if !outcome.handled.isEmpty {
            _ = try connection.execute(
                "UPDATE dead_letters SET status = 'handled', updated_at = now() WHERE id = ANY($1)",
                [.int8Array(outcome.handled.map(\.id))])
        }
        if !outcome.failed.isEmpty {
            _ = try connection.execute(
                """
                UPDATE dead_letters d
                SET status = 'dead', error = f.error, attempts = attempts + 1, updated_at = now()
                FROM unnest($1::bigint[], $2::text[]) AS f (id, error) WHERE d.id = f.id
                """,
                [
                    .int8Array(outcome.failed.map(\.letter.id)),
                    .textArray(outcome.failed.map { DeadLetters.stored($0.error) }),
                ])
        }
        for letter in outcome.expelled {
            _ = try connection.execute(
                "UPDATE dead_letters SET key = $2 WHERE id = $1", [.int8(letter.id), .text(letter.keyIfForged.key)])
            try ParkedKeys.park(letter.keyIfForged, group: group, on: connection)
        }
        var ended: [ParkingKey: Int] = [:]
        for letter in outcome.handled + outcome.failed.map(\.letter) where !letter.isHead {
            ended[letter.key, default: 0] += 1
        }
        let expelled = Set(outcome.expelled.map(\.id))
        let stuck = Set(outcome.failed.map(\.letter).filter { !expelled.contains($0.id) }.map(\.key))
        try ParkedKeys.moveOn(
            Set(letters.map(\.key)).subtracting(stuck), ended: ended, group: group, on: connection)
    }
}

/// A span for each letter, whatever the number of tries that find out what becomes of it.
private struct Spans {
    let traces: Traces?
    let group: String
    private var spans: [Int64: ActiveSpan] = [:]

    init(traces: Traces?, group: String) {
        self.traces = traces
        self.group = group
    }

    mutating func follow(_ letter: StoredLetter, _ message: inout InboundMessage) {
        guard let traces else { return }
        let span = spans[letter.id] ?? message.beginProcessing(traces, group: group)
        span.note(["orderflow.redelivery": true])
        spans[letter.id] = span
        message.traceparent = span.traceparent
    }

    func end(_ letters: [StoredLetter], failure: (any Error)? = nil) {
        for letter in letters {
            guard let span = spans[letter.id] else { continue }
            if let failure { span.fail("\(type(of: failure))", "\(failure)") }
            span.end()
        }
    }
}
