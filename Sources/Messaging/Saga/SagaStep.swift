import Execution

/// One thing that a saga needs to be done by another service.
public struct SagaStep: Sendable {
    public enum Kind: Sendable {
        /// Can be undone.
        case compensatable(SagaCompensation)
        /// Leaves nothing that the saga would have to undo.
        case external
        /// Can't be undone, and can't be given up once asked for: it is asked again until it is answered.
        case pivot(SagaRetry)
    }

    public let id: String
    /// Steps that have to succeed first.
    public let after: [String]
    /// Nil for a step that is taken unasked: only its outcome is waited for.
    public let command: SagaCommandBuilder?
    public let succeededBy: Set<String>
    public let failedBy: Set<String>
    /// How long to wait for the outcome before the saga is undone. Unused by a pivot.
    public let deadline: Duration
    public let kind: Kind

    private init(
        id: String, after: [String], command: SagaCommandBuilder?, succeededBy: Set<String>, failedBy: Set<String>,
        deadline: Duration, kind: Kind
    ) {
        self.id = id
        self.after = after
        self.command = command
        self.succeededBy = succeededBy
        self.failedBy = failedBy
        self.deadline = deadline
        self.kind = kind
    }

    public static func compensatable(
        _ id: String, after: [String] = [], command: SagaCommandBuilder, succeededBy: Set<String>,
        failedBy: Set<String>, deadline: Duration, compensation: SagaCompensation
    ) -> SagaStep {
        SagaStep(
            id: id, after: after, command: command, succeededBy: succeededBy, failedBy: failedBy, deadline: deadline,
            kind: .compensatable(compensation))
    }

    public static func external(
        _ id: String, after: [String] = [], command: SagaCommandBuilder? = nil, succeededBy: Set<String>,
        failedBy: Set<String>, deadline: Duration
    ) -> SagaStep {
        SagaStep(
            id: id, after: after, command: command, succeededBy: succeededBy, failedBy: failedBy, deadline: deadline,
            kind: .external)
    }

    public static func pivot(
        _ id: String, after: [String], command: SagaCommandBuilder, succeededBy: Set<String>,
        retry: SagaRetry = SagaRetry()
    ) -> SagaStep {
        SagaStep(
            id: id, after: after, command: command, succeededBy: succeededBy, failedBy: [],
            deadline: retry.answerWithin, kind: .pivot(retry))
    }

    /// What people are told of a step that wasn't taken in time.
    var lateness: String { "\(id) took too long" }

    var isPivot: Bool { if case .pivot = kind { true } else { false } }

    /// How the command is asked again; for all but a pivot, how long its outcome is waited for again while watching.
    var retry: SagaRetry {
        if case .pivot(let retry) = kind {
            retry
        } else {
            SagaRetry(answerWithin: deadline, cap: max(deadline, .seconds(3600)))
        }
    }

    var compensation: SagaCompensation? {
        if case .compensatable(let compensation) = kind { compensation } else { nil }
    }
}

/// How a step is undone. The command means "make sure that it is undone": it is sent too where it isn't known whether the
/// step was taken, must leave nothing behind that a late step could trip over, and is always answered.
public struct SagaCompensation: Sendable {
    public let command: SagaCommandBuilder
    public let doneBy: Set<String>
    public let refusedBy: Set<String>
    public let retry: SagaRetry

    public init(
        command: SagaCommandBuilder, doneBy: Set<String>, refusedBy: Set<String> = [],
        retry: SagaRetry = SagaRetry()
    ) {
        self.command = command
        self.doneBy = doneBy
        self.refusedBy = refusedBy
        self.retry = retry
    }
}

/// How a command that has to succeed in the end is asked again: for ever, ever more slowly.
public struct SagaRetry: Hashable, Sendable {
    /// How long the first command may stay unanswered. Doubles with each repeat.
    public var answerWithin: Duration
    /// Wait after the first refusal. Doubles with each further one.
    public var base: Duration
    /// Longest wait of either kind.
    public var cap: Duration
    /// Refusals, or commands unanswered in a row, after which an operator should look.
    public var attentionAfter: Int

    public init(
        answerWithin: Duration = .seconds(30), base: Duration = .seconds(1), cap: Duration = .seconds(300),
        attentionAfter: Int = 5
    ) {
        self.answerWithin = answerWithin
        self.base = base
        self.cap = cap
        self.attentionAfter = attentionAfter
    }

    /// Wait after `refusals` (1 or more).
    func wait(afterRefusals refusals: Int) -> Int64 { Self.doubled(base, refusals - 1, cap) }

    /// Wait for an answer to a command that was asked `unanswered` times in vain before.
    func wait(afterUnanswered unanswered: Int) -> Int64 { Self.doubled(answerWithin, unanswered, cap) }

    private static func doubled(_ first: Duration, _ times: Int, _ cap: Duration) -> Int64 {
        min(cap, first * (1 << min(max(times, 0), 20))).microseconds
    }
}
