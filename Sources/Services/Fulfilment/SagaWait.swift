import Messaging

/// What an order waits for, and since when.
public struct SagaWait: Hashable, Sendable {
    /// A step, or `SagaInput.abortStep`.
    public let step: String
    /// Whether it is the step's undoing that is waited for.
    public let isUndo: Bool
    /// Microseconds since the Unix epoch.
    public let since: Int64

    public var text: String { isUndo ? "undo \(step)" : step }
}

extension StoredSaga {
    /// Everything that has been asked for, or is to come unasked, and isn't there.
    public var waits: [SagaWait] {
        func wait(_ step: String, _ call: SagaCall, isUndo: Bool = false) -> SagaWait? {
            guard [.requested, .refused].contains(call.progress) || call.progress == .waiting && call.dueAt != nil
            else { return nil }
            return SagaWait(step: step, isUndo: isUndo, since: call.requestedAt ?? instance.startedAt ?? createdAt)
        }
        switch instance.status {
        case .awaitingStart, .completed, .compensated: return []
        case .running: return instance.steps.compactMap { wait($0.id, $0.call) }
        case .compensating:
            return instance.steps.compactMap { wait($0.id, $0.undo, isUndo: true) }
                + [wait(SagaInput.abortStep, instance.abort)].compactMap { $0 }
        }
    }
}
