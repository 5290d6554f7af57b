import Telemetry
import Tracing

/// The spans of one group commit: an `append` for each request, under what caused it, from its submission to the
/// commit; and the one `commit` that they all wait for. A commit can have one parent only: that is the first append, and
/// the others are linked with it.
struct AppendSpans {
    private let commit: ActiveSpan
    private let appends: [ActiveSpan]

    /// Begins the commit's span. Nil where nothing in the batch is recorded.
    init?(_ appends: [ActiveSpan], batchSize: Int, _ traces: Traces) {
        guard let first = appends.first else { return nil }
        self.appends = appends
        commit = traces.start(
            "commit events", .client, under: first.traceparent,
            attributes: [
                "db.system.name": "postgresql", "db.operation.name": "INSERT", "db.collection.name": "events",
                "db.operation.batch.size": .int64(Int64(batchSize)),
            ])
        for append in appends.dropFirst() {
            commit.link(to: append)
            append.link(to: commit)
        }
    }

    func end(failure: (any Error)?) {
        for span in [commit] + appends {
            if let failure { span.fail("postgresql", "\(failure)") }
            span.end()
        }
    }
}

extension StreamAppend {
    /// Begins the span of this append; nil where its trace isn't recorded.
    func begin(_ traces: Traces) -> ActiveSpan? {
        traces.continue(
            "append \(category)", under: events.first?.metadata.traceparent,
            attributes: [
                "orderflow.stream": .string(streamID), "orderflow.tenant": .string(tenant),
                "orderflow.message.type": .string(events.first?.type ?? ""),
                "orderflow.expected_version": .int64(Int64(expectedVersion)),
            ])
    }
}
