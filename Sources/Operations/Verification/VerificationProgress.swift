/// How far a verification of everything is, which may take minutes.
public struct VerificationProgress: Sendable {
    public enum Stage: Sendable, Equatable {
        /// Reading the topics' facts, counted by records.
        case reading
        /// Sorting them by order.
        case sorting
        /// Judging orders, counted.
        case judging
        /// Adding up stock and sales.
        case adding
        /// Asking for a service's own evidence.
        case evidence(service: String)
        /// Comparing a service's copy of what others say.
        case replica(String, service: String)
        /// Recounting the audit logs.
        case audit
    }

    public let stage: Stage
    /// Of what the stage counts.
    public let done: Int
    /// As far as it is known; 0 in stages that count nothing.
    public let total: Int

    package init(stage: Stage, done: Int = 0, total: Int = 0) {
        self.stage = stage
        self.done = done
        self.total = total
    }
}
