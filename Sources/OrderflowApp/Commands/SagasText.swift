import Fulfilment
import JSON
import Messaging
import Operations
import OrderflowKit
import Terminal

/// Sagas for terminals and scripts.
enum SagasText {
    static func json(_ saga: StoredSaga, log: [SagaLogEntry]?, heldBy letters: [HeldOrder] = []) -> TerminalText {
        var json = JSONWriter(capacity: 1024)
        SagaDocument.write(saga, log: log, heldBy: letters, into: &json)
        return TerminalText(json: json.bytes)
    }

    /// Those that a dead letter holds up, each once.
    static func json(_ held: [HeldSagas.Entry]) -> TerminalText {
        held.map { entry in
            if let saga = entry.saga { return json(saga, log: nil, heldBy: entry.letters) }
            var json = JSONWriter(capacity: 512)
            SagaDocument.write(unheard: entry.key, heldBy: entry.letters, into: &json)
            return TerminalText(json: json.bytes)
        }.joined()
    }

    static func table(_ sagas: [StoredSaga], held: [HeldSagas.Entry] = []) -> TerminalText {
        let head = ["ORDER", "STATUS", "SINCE", "WAITS FOR", "ATTENTION"]
        func row(_ saga: StoredSaga, _ attention: String?) -> [String] {
            [
                saga.key.id, saga.instance.status.rawValue, time(saga.createdAt),
                saga.waits.map(\.text).joined(separator: ", "),
                attention ?? saga.instance.attention ?? saga.instance.reason ?? "",
            ]
        }
        let unheard = SagaInstance.Status.awaitingStart.rawValue
        return TextTable.write(
            [head] + sagas.map { row($0, nil) }
                + held.map { entry in
                    entry.saga.map { row($0, entry.text) }
                        ?? [entry.key.orderID, unheard, time(entry.letters.first?.since ?? 0), "", entry.text]
                })
    }

    static func page(_ saga: StoredSaga, _ log: [SagaLogEntry], heldBy letters: [HeldOrder] = []) -> TerminalText {
        let instance = saga.instance
        var facts = [["order", saga.key.id], ["tenant", saga.key.tenant], ["status", instance.status.rawValue]]
        if let reason = instance.reason { facts.append(["reason", reason]) }
        if let attention = instance.attention { facts.append(["attention", attention]) }
        for letter in letters { facts.append(["attention", "\(letter.text): \(letter.error)"]) }
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
