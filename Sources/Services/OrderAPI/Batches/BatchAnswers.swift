import HTTPServer
import Orders

/// The lines of a batch that were read and not answered yet, in their order, and what became of those before them.
struct BatchAnswers: Sendable {
    /// A line as it was read.
    enum Place {
        case awaited(BatchOrder)
        case refused(Int, BatchRefusal)
    }

    enum Outcome {
        case stored(isReplayed: Bool)
        case refused(BatchRefusal)
    }

    /// How the body ended.
    enum End: Equatable, CustomStringConvertible {
        case whole
        case broken(HTTPProblem)
        case cut(BodyFailure)

        static func == (a: End, b: End) -> Bool { a.description == b.description }

        var description: String {
            switch self {
            case .whole: "whole"
            case .broken(let problem): "\(problem.status.rawValue)"
            case .cut(let reason): "\(reason)"
            }
        }

        /// What the client is told; nil where all is well.
        var problem: HTTPProblem? {
            switch self {
            case .whole: nil
            case .broken(let problem): problem
            case .cut(.timeout): HTTPProblem(.requestTimeout, detail: "the body came too slowly; \(Self.again)")
            case .cut(.tooLarge):
                HTTPProblem(
                    .contentTooLarge,
                    detail: "a batch has at most \(BatchRequest.byteLimit) bytes; what follows isn't taken")
            case .cut(.malformed): HTTPProblem(.badRequest, detail: "the chunked body is malformed")
            case .cut(.stopping):
                HTTPProblem(
                    .serviceUnavailable, detail: "the server stops; \(Self.again)",
                    headers: [HTTPHeader("Retry-After", "1")])
            case .cut(.left): HTTPProblem(.badRequest, detail: "the request ended early")
            }
        }

        private static let again = "sent again with the same Idempotency-Key, the batch goes on where it ended"
    }

    private struct Slot {
        /// Nil once it is settled.
        var order: BatchOrder?
        /// Nil until then.
        var answer: Answer?

        enum Answer { case stored(String, isReplayed: Bool), refused([UInt8]) }
    }

    private var slots: [Slot] = []
    /// The line of the first slot.
    private var first = 1
    /// Of the texts of lines that aren't settled.
    private var bytes = 0
    private var isPaused = false
    private var hasEnded = false
    private var counts = BatchAnswer.Counts()
    private var refused: [BatchStore.RefusedLine] = []

    var end: End?
    var stream: AnswerStream?

    /// What may be read before more is answered.
    struct Room {
        var lines: Int
        var bytes: Int
    }

    /// Nil at the bounds; then reading pauses, until `mayResume` says so.
    mutating func room() -> Room? {
        let room = Room(lines: BatchIntake.lineWindow - slots.count, bytes: BatchIntake.byteWindow - bytes)
        isPaused = room.lines <= 0 || room.bytes <= 0
        return isPaused ? nil : room
    }

    /// True once, when enough has been answered since reading paused.
    mutating func mayResume() -> Bool {
        guard isPaused, slots.count <= BatchIntake.lineWindow / 2, bytes <= BatchIntake.byteWindow / 2 else {
            return false
        }
        isPaused = false
        return true
    }

    /// Lines that follow those before.
    mutating func add(_ places: [Place]) {
        for place in places {
            switch place {
            case .awaited(let order):
                bytes += order.bytes
                slots.append(Slot(order: order))
            case .refused(let line, let refusal):
                slots.append(Slot())
                settle(line, .refused(refusal))
            }
        }
    }

    func order(at line: Int) -> BatchOrder? { slots.indices.contains(line - first) ? slots[line - first].order : nil }

    mutating func settle(_ outcomes: [(place: Int, Outcome)]) {
        for (place, outcome) in outcomes { settle(place, outcome) }
    }

    mutating func settle(_ orders: [BatchOrder], as outcome: Outcome) {
        for order in orders { settle(order.line, outcome) }
    }

    private mutating func settle(_ line: Int, _ outcome: Outcome) {
        let index = line - first
        guard slots.indices.contains(index), slots[index].answer == nil else { return }
        bytes -= slots[index].order?.bytes ?? 0
        switch outcome {
        case .stored(let isReplayed):
            counts.accepted += 1
            slots[index].answer = .stored(slots[index].order?.orderID ?? "", isReplayed: isReplayed)
        case .refused(let refusal):
            slots[index].answer = .refused(BatchAnswer.refused(line, refusal))
            if refusal.isPassing {
                counts.passing += 1
            } else {
                counts.refused += 1
                refused.append(refusal.line(line))
            }
        }
        slots[index].order = nil
    }

    /// The answers to the lines that come next, as far as they are known.
    mutating func takeAnswered() -> [UInt8] {
        let known = slots.prefix { $0.answer != nil }.count
        guard known > 0 else { return [] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(known * 80)
        for index in 0..<known {
            switch slots[index].answer {
            case .stored(let orderID, let isReplayed):
                BatchAnswer.stored(first + index, orderID, isReplayed: isReplayed, into: &bytes)
            case .refused(let line): bytes += line
            case nil: break
            }
        }
        slots.removeFirst(known)
        first += known
        return bytes
    }

    /// What is to be told at the end.
    struct Ended: Sendable {
        let end: End
        let counts: BatchAnswer.Counts
        let refused: [BatchStore.RefusedLine]
        let stream: AnswerStream?
    }

    /// Once, when nothing more will be read and every line is answered.
    mutating func takeEnd() -> Ended? {
        guard let end, slots.isEmpty, !hasEnded else { return nil }
        hasEnded = true
        defer { stream = nil }
        return Ended(end: end, counts: counts, refused: refused, stream: stream)
    }
}

extension BatchRefusal {
    /// As it is kept with the batch.
    func line(_ line: Int) -> BatchStore.RefusedLine {
        BatchStore.RefusedLine(
            line: line, pointer: violations.first?.pointer,
            reason: violations.first?.detail ?? detail ?? title)
    }
}
