/// What an input does to an instance.
public struct SagaTransition: Sendable {
    public internal(set) var instance: SagaInstance
    public internal(set) var commands: [SagaCommand] = []
    /// Empty: nothing has changed.
    public internal(set) var log: [SagaLogEntry] = []

    public var changed: Bool { !log.isEmpty }
}

/// One line of an instance's history.
public struct SagaLogEntry: Hashable, Sendable {
    public enum Event: String, Hashable, Sendable, CaseIterable {
        case started, cancelled, compensating, completed, compensated
        /// While watching: something is waited for that wasn't asked for, and has not come in time.
        case awaited, overdue
        case requested, requestedAgain = "requested-again", succeeded, failed, timedOut = "timed-out"
        case succeededLate = "succeeded-late"
        case undoRequested = "undo-requested", undoRequestedAgain = "undo-requested-again"
        case undoRefused = "undo-refused", undone
        case abortRequested = "abort-requested", abortRequestedAgain = "abort-requested-again", aborted
        case retried, resolved, anomaly
        case attention, attentionEnded = "attention-ended"
    }

    public let at: Int64
    public let cause: SagaCause
    public let event: Event
    public let step: String?
    public let detail: String?

    public init(at: Int64, cause: SagaCause, event: Event, step: String? = nil, detail: String? = nil) {
        self.at = at
        self.cause = cause
        self.event = event
        self.step = step
        self.detail = detail
    }
}
