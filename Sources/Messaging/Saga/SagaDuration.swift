/// How long something took that has come to its end.
struct SagaDuration: Hashable {
    enum Span: Hashable {
        /// A step, from its command (or the saga's start, where it has none) to its outcome.
        case step(String)
        /// An instance, from its start to its end.
        case whole(SagaInstance.Status)
    }

    let span: Span
    let microseconds: Int64

    /// What has ended between two states of an instance.
    static func new(from old: SagaInstance, to new: SagaInstance) -> [SagaDuration] {
        var found: [SagaDuration] = []
        for (before, after) in zip(old.steps, new.steps) where before.call.settledAt == nil {
            guard let end = after.call.settledAt, let start = after.call.requestedAt ?? new.startedAt else { continue }
            found.append(SagaDuration(span: .step(after.id), microseconds: max(0, end - start)))
        }
        if old.endedAt == nil, let end = new.endedAt, let start = new.startedAt {
            found.append(SagaDuration(span: .whole(new.status), microseconds: max(0, end - start)))
        }
        return found
    }
}
