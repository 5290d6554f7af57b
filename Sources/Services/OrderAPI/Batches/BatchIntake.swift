import Execution
import HTTPServer
import Logging
import Messaging
import OrderflowKit
import Postgres

/// A batch whose lines are taken each for itself: read as they come, stored by the event writer in its own commits, and
/// answered in their order as soon as they are on disk.
///
///     body ─receive─> lines ─submit─> EventWriter ─completed─> answers ─> client
///
/// What is on its way between reading and answering is bounded; at the bound the body is read no further. The answers
/// aren't: there is room for all of them (`BatchAnswer.limit`), so that a client may write everything before it reads.
final class BatchIntake: BodyReceiver, BulkAppends {
    let key: StreamKey
    /// A batch that is here for the first time has orders that are.
    let isFresh: Bool
    private let request: BatchRequest
    private let service: OrderService
    private let responder: Responder
    private let seat: BatchSeats.Seat
    private let logger: Logger

    private struct Reading {
        var lines: BatchLines
        /// For which the writer had no room yet.
        var pending: [BulkAppend] = []
        var isOver = false
    }

    private let reading: Monitor<Reading>
    private let answers: Monitor<BatchAnswers>

    /// Lines that are read and not answered.
    static let lineWindow = 2_048
    /// Bytes of their texts.
    static let byteWindow = 2 << 20
    /// Lines that go to the writer together.
    private static let submittedAtOnce = 256

    init(
        _ request: BatchRequest, isFresh: Bool, _ service: OrderService, _ responder: Responder,
        _ seat: BatchSeats.Seat,
        logger: Logger
    ) {
        key = request.key.streamKey
        self.request = request
        self.isFresh = isFresh
        self.service = service
        self.responder = responder
        self.seat = seat
        self.logger = logger
        reading = Monitor(Reading(lines: BatchLines(request)))
        answers = Monitor(BatchAnswers())
    }

    // MARK: Reading

    func receive(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> BodyTaken {
        var taken = 0
        let mayGoOn = reading.withLock { reading in
            while submitPending(&reading) {
                if reading.isOver { return isLast }
                guard let room = answers.withLock({ $0.room() }) else { return false }
                let (orders, end) = read(bytes, isLast, &taken, room: room, &reading)
                reading.isOver = end.isOver
                reading.pending = orders
                if case .needsMore = end, orders.isEmpty { return true }
                if case .broken(let problem) = end { conclude { $0.end = .broken(problem) } }
                if case .whole = end { conclude { $0.end = .whole } }
            }
            return false
        }
        return BodyTaken(isLast && mayGoOn ? bytes.count : taken, pausing: !mayGoOn)
    }

    private enum ReadingEnd {
        case none, needsMore, whole
        case broken(HTTPProblem)

        var isOver: Bool {
            switch self {
            case .none, .needsMore: false
            case .whole, .broken: true
            }
        }
    }

    /// Reads some lines; each gets its place among the answers before its order can be stored.
    private func read(
        _ bytes: UnsafeRawBufferPointer, _ isLast: Bool, _ taken: inout Int, room: BatchAnswers.Room,
        _ reading: inout Reading
    ) -> (orders: [BulkAppend], end: ReadingEnd) {
        var orders: [BulkAppend] = []
        var places: [BatchAnswers.Place] = []
        var room = room
        var end = ReadingEnd.none
        while case .none = end, places.count < min(room.lines, Self.submittedAtOnce), room.bytes > 0 {
            var consumed = 0
            let step = reading.lines.next(
                UnsafeRawBufferPointer(rebasing: bytes[taken...]), isLast: isLast, consumed: &consumed)
            taken += consumed
            switch step {
            case .order(let order):
                room.bytes -= order.bytes
                places.append(.awaited(order))
                orders.append(BulkAppend(place: order.line, append: order.append))
            case .refused(let line, let refusal): places.append(.refused(line, refusal))
            case .needsMore: end = .needsMore
            case .end: end = .whole
            case .broken(let problem): end = .broken(problem)
            }
        }
        if !places.isEmpty { conclude { $0.add(places) } }
        return (orders, end)
    }

    /// False where the writer has no room for all; then reading goes on when it has.
    private func submitPending(_ reading: inout Reading) -> Bool {
        guard !reading.pending.isEmpty else { return true }
        let taken = service.writer.submit(reading.pending[...], of: self) { [responder] in responder.resumeBody() }
        guard let taken else {
            giveUp(&reading, .stopping)
            return true
        }
        reading.pending.removeFirst(taken)
        return reading.pending.isEmpty
    }

    func bodyBroke(_ reason: BodyFailure) { reading.withLock { giveUp(&$0, reason) } }

    /// Nothing more is read, and what the writer doesn't have isn't stored.
    private func giveUp(_ reading: inout Reading, _ reason: BodyFailure) {
        let left = reading.pending.map { (place: $0.place, BatchAnswers.Outcome.refused(.notTaken)) }
        reading.pending = []
        reading.isOver = true
        conclude { answers in
            if answers.end == nil { answers.end = .cut(reason) }
            answers.settle(left)
        }
    }

    // MARK: Answering

    func completed(_ outcomes: [(place: Int, outcome: EventWriter.Outcome)]) {
        var known: [BatchOrder] = []
        conclude { answers in
            var settled: [(place: Int, BatchAnswers.Outcome)] = []
            settled.reserveCapacity(outcomes.count)
            for (place, outcome) in outcomes {
                switch outcome {
                case .appended: settled.append((place, .stored(isReplayed: false)))
                case .versionTaken: if let order = answers.order(at: place) { known.append(order) }
                case .failed(let error): settled.append((place, .refused(.failed(error))))
                }
            }
            answers.settle(settled)
        }
        if !known.isEmpty { look(at: known) }
    }

    /// Compares orders that were there already with what they were.
    private func look(at orders: [BatchOrder]) {
        let isQueued = service.database.submit { [self] connection in
            let verdicts: [Int: BatchReplay.Verdict]
            do {
                verdicts = try connection.get().acting(for: key.tenant) {
                    try BatchReplay.look(orders, tenant: key.tenant, on: $0)
                }
            } catch {
                return conclude { $0.settle(orders, as: .refused(.failed(PostgresError(thrown: error)))) }
            }
            conclude { answers in
                answers.settle(
                    orders.map { order in
                        switch verdicts[order.line] {
                        case .same: (order.line, .stored(isReplayed: true))
                        case .refused(let refusal): (order.line, .refused(refusal))
                        case nil: (order.line, .refused(.closed))
                        }
                    })
            }
        }
        if !isQueued { conclude { $0.settle(orders, as: .refused(.notTaken)) } }
    }

    /// Changes what is known of the lines, and does what follows: sends answers, reads on, ends.
    private func conclude(_ change: (inout BatchAnswers) -> Void) {
        let (mayResume, end) = answers.withLock { answers -> (Bool, BatchAnswers.Ended?) in
            change(&answers)
            let bytes = answers.takeAnswered()
            if !bytes.isEmpty { stream(&answers).write(bytes) }
            return (answers.mayResume(), answers.takeEnd())
        }
        if mayResume { responder.resumeBody() }
        if let end { finish(end) }
    }

    /// The answer's content; its head goes with the first line.
    private func stream(_ answers: inout BatchAnswers) -> AnswerStream {
        if let stream = answers.stream { return stream }
        let stream = responder.stream(
            .ok, contentType: BatchAnswer.contentType, headers: [request.location], limit: BatchAnswer.limit)
        answers.stream = stream
        return stream
    }

    // MARK: The end

    /// Every line that was read is answered.
    private func finish(_ end: BatchAnswers.Ended) {
        // A batch with lines that may yet be taken stays open for the same request once more, and so does one that was cut.
        let isComplete = end.end == .whole && end.counts.passing == 0
        let (key, topic) = (request.key, service.topic)
        let isQueued = service.batches.submit { [self] connection in
            do {
                let connection = try connection.get()
                if isComplete {
                    try connection.transaction { connection in
                        try BatchStore.refuse(end.refused, of: key, on: connection)
                        try BatchStore.seal(key, lines: end.counts.lines, topic: topic, on: connection)
                    }
                    service.wakeRelay()
                } else {
                    try BatchStore.release(key, on: connection)
                }
                conclude(end, problem: nil)
            } catch {
                logger.warning("batch_not_ended", metadata: fields(end).merging(["error": "\(error)"]) { $1 })
                conclude(end, problem: Unavailable.problem(PostgresError(thrown: error)))
            }
        }
        if !isQueued { conclude(end, problem: Unavailable.overloaded) }
    }

    /// - Parameter problem: why the batch couldn't be closed, which doesn't change what became of its lines.
    private func conclude(_ end: BatchAnswers.Ended, problem: HTTPProblem?) {
        logger.info("batch_taken", metadata: fields(end))
        service.batchMetrics.count(
            accepted: end.counts.accepted, refused: end.counts.refused, unavailable: end.counts.passing)
        guard let problem = end.end.problem ?? problem else {
            end.stream?.write(BatchAnswer.summary(key.streamID, end.counts))
            end.stream?.finish()
            return
        }
        // Without a line of the answer it can still have a status that says so.
        guard let stream = end.stream else { return responder.send(problem) }
        stream.write(BatchAnswer.problem(problem))
        stream.finish()
    }

    private func fields(_ end: BatchAnswers.Ended) -> Logger.Metadata {
        request.context.requestFields.merging([
            "batch_id": "\(key.streamID)", "accepted": "\(end.counts.accepted)", "refused": "\(end.counts.refused)",
            "unavailable": "\(end.counts.passing)", "end": "\(end.end)",
        ]) { $1 }
    }
}
