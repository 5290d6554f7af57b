import JSON
import Messaging
import Services

/// Sagas for terminals and scripts.
enum SagasText {
    static func json(_ saga: StoredSaga, log: [SagaLogEntry]?) -> String {
        var json = JSONWriter(capacity: 1024)
        SagaDocument.write(saga, log: log, into: &json)
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    static func table(_ sagas: [StoredSaga]) -> String {
        let head = ["ORDER", "STATUS", "SINCE", "WAITS FOR", "ATTENTION"]
        return TextTable.write(
            [head]
                + sagas.map { saga in
                    [
                        saga.key.id, saga.instance.status.rawValue, time(saga.createdAt),
                        saga.waits.map(\.text).joined(separator: ", "),
                        saga.instance.attention ?? saga.instance.reason ?? "",
                    ]
                })
    }

    static func page(_ saga: StoredSaga, _ log: [SagaLogEntry]) -> String {
        let instance = saga.instance
        var facts = [["order", saga.key.id], ["tenant", saga.key.tenant], ["status", instance.status.rawValue]]
        if let reason = instance.reason { facts.append(["reason", reason]) }
        if let attention = instance.attention { facts.append(["attention", attention]) }
        if let due = instance.nextDeadline { facts.append(["next deadline", time(due)]) }
        facts.append(["correlation", saga.correlationID])
        var steps = [["STEP", "PROGRESS", "COMPENSATION", "DETAIL"]]
        for step in instance.steps {
            let undo = step.undo.progress == .waiting ? "" : progress(step.undo)
            steps.append([step.id, progress(step.call), undo, step.undo.detail ?? step.call.detail ?? ""])
        }
        if instance.abort.progress != .waiting {
            steps.append([SagaInput.abortStep, progress(instance.abort), "", instance.abort.detail ?? ""])
        }
        let history = log.map { entry in
            [time(entry.at), entry.event.rawValue, entry.step ?? "", cause(entry.cause), entry.detail ?? ""]
        }
        return TextTable.write(facts) + "\n" + TextTable.write(steps) + "\n" + TextTable.write(history)
    }

    private static func progress(_ call: SagaCall) -> String {
        call.progress.rawValue + (call.requests > 1 ? " (asked \(call.requests) times)" : "")
    }

    private static func cause(_ cause: SagaCause) -> String {
        switch cause {
        case .message(_, let type): type
        case .deadline: "deadline"
        case .operator(let who): "by \(who)"
        }
    }

    private static func time(_ microseconds: Int64) -> String { RFC3339.text(microseconds) }
}
