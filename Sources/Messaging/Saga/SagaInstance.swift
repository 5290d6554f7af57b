/// Where one saga stands. A value: `SagaDefinition.react` changes it, `SagaStore` keeps it.
public struct SagaInstance: Hashable, Sendable {
    public enum Status: String, Hashable, Sendable, CaseIterable {
        /// Some fact came before the one that starts the saga.
        case awaitingStart = "awaiting-start"
        case running
        case compensating
        /// The end: everything is done.
        case completed
        /// The other end: everything is undone.
        case compensated

        public var isEnd: Bool { self == .completed || self == .compensated }
    }

    public let id: String
    public internal(set) var status = Status.awaitingStart
    /// Payload of the fact that started it; empty before.
    public internal(set) var start: [UInt8] = []
    /// Express once any of its facts was: which lane its commands take.
    public internal(set) var priority = Priority.ordinary
    /// In the order of the definition.
    public internal(set) var steps: [Step]
    public internal(set) var abort = SagaCall()
    /// Why it is being undone.
    public internal(set) var reason: String?
    /// Why a person should look; nil when none needs to.
    public internal(set) var attention: String?
    /// Counts transitions.
    public internal(set) var version = 0
    /// Microseconds since the Unix epoch, as all times here.
    public internal(set) var startedAt: Int64?
    public internal(set) var endedAt: Int64?
    /// Something that should not have happened; stays until an operator has seen it.
    var anomaly: String?

    public struct Step: Hashable, Sendable {
        public let id: String
        public internal(set) var call = SagaCall()
        /// Its compensation.
        public internal(set) var undo = SagaCall()

        init(id: String) { self.id = id }
    }

    /// An instance that nothing has happened to.
    public init(id: String, of definition: SagaDefinition) {
        self.init(id: id, steps: definition.steps.map(\.id))
    }

    init(id: String, steps: [String]) {
        self.id = id
        self.steps = steps.map { Step(id: $0) }
    }

    /// When the next `deadline` input is due; nil when only facts move the saga on.
    public var nextDeadline: Int64? {
        switch status {
        case .awaitingStart, .completed, .compensated: return nil
        case .running: return steps.lazy.compactMap(\.call.dueAt).min()
        case .compensating:
            let undo = steps.lazy.compactMap(\.undo.dueAt).min()
            guard let undo else { return abort.dueAt }
            return min(undo, abort.dueAt ?? undo)
        }
    }
}

/// Something asked of a participant: a step, its compensation, or the abort.
public struct SagaCall: Hashable, Sendable {
    public enum Progress: String, Hashable, Sendable, CaseIterable {
        /// Not asked for, and nothing heard.
        case waiting
        case requested
        /// Couldn't be done now; will be asked again.
        case refused
        case succeeded
        case failed
        /// Unanswered for too long; may still happen.
        case timedOut = "timed-out"
        /// An operator took care of it.
        case resolved
    }

    public internal(set) var progress = Progress.waiting
    /// When it was asked for first.
    public internal(set) var requestedAt: Int64?
    /// When the outcome was known.
    public internal(set) var settledAt: Int64?
    /// When to give up or ask again.
    public internal(set) var dueAt: Int64?
    /// Commands sent.
    public internal(set) var requests = 0
    /// Refusals since it was asked for, or since an operator's retry.
    public internal(set) var refusals = 0
    /// Commands in a row without an answer in time.
    public internal(set) var unanswered = 0
    /// Words of the failure, or of the operator.
    public internal(set) var detail: String?

    init() {}

    var isDone: Bool { progress == .succeeded || progress == .resolved }

    mutating func settle(_ progress: Progress, at now: Int64, detail: String? = nil) {
        self.progress = progress
        self.detail = detail
        settledAt = now
        dueAt = nil
    }
}
