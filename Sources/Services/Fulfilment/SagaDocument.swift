import JSON
import Messaging
import OrderflowKit
import Orders

/// Where an order stands, as JSON: what the API, the saga's own routes and `orderflow sagas --json` say.
public enum SagaDocument {
    /// - Parameters:
    ///   - log: the history, or a part of it; nil leaves it out.
    ///   - nextLog: where the next part of the history begins; nil where there is none.
    ///   - letters: dead letters that hold it up, as far as the writer knows.
    public static func write(
        _ saga: StoredSaga, log: [SagaLogEntry]?, nextLog: Int64? = nil, heldBy letters: [HeldOrder] = [],
        into json: inout JSONWriter
    ) {
        let instance = saga.instance
        json.object { json in
            json.field("orderId", saga.key.id)
            json.field("saga", FulfilmentSaga.name)
            json.field("status", instance.status.rawValue)
            json.field("reason", instance.reason)
            json.field("attention", instance.attention)
            json.field("version", instance.version)
            if !saga.definition.isEmpty { json.field("definition", saga.definition) }
            json.field("correlationId", saga.correlationID)
            json.time("createdAt", saga.createdAt)
            if let time = instance.startedAt { json.time("startedAt", time) }
            if let time = instance.endedAt { json.time("endedAt", time) }
            if let time = instance.nextDeadline { json.time("nextDeadline", time) }
            json.key("steps")
            json.array { json in
                for step in instance.steps {
                    json.object { json in
                        json.field("step", step.id)
                        json.call(step.call)
                        guard step.undo.progress != .waiting else { return }
                        json.key("compensation")
                        json.object { $0.call(step.undo) }
                    }
                }
            }
            if instance.abort.progress != .waiting {
                json.key("abort")
                json.object { $0.call(instance.abort) }
            }
            json.held(by: letters)
            if let log {
                json.key("log")
                json.array { json in for entry in log { json.entry(entry) } }
                if let nextLog { json.field("nextLog", nextLog) }
            }
        }
    }
}

extension SagaDocument {
    /// Of an order that the saga can't have heard of: its own message is the dead letter.
    public static func write(unheard key: OrderKey, heldBy letters: [HeldOrder], into json: inout JSONWriter) {
        json.object { json in
            json.field("orderId", key.orderID)
            json.field("saga", FulfilmentSaga.name)
            json.field("status", SagaInstance.Status.awaitingStart.rawValue)
            json.held(by: letters)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func held(by letters: [HeldOrder]) {
        guard !letters.isEmpty else { return }
        key("heldBy")
        array { json in
            for letter in letters {
                json.object {
                    $0.field("letter", letter.letter)
                    $0.field("group", letter.group)
                    $0.field("topic", letter.topic)
                    $0.field("error", letter.error)
                    $0.time("since", letter.since)
                }
            }
        }
    }

    fileprivate mutating func call(_ call: SagaCall) {
        field("progress", call.progress.rawValue)
        if let time = call.requestedAt { self.time("requestedAt", time) }
        if let time = call.settledAt { self.time("settledAt", time) }
        if let time = call.dueAt { self.time("dueAt", time) }
        if call.requests > 1 { field("requests", call.requests) }
        if call.refusals > 0 { field("refusals", call.refusals) }
        if call.unanswered > 0 { field("unanswered", call.unanswered) }
        field("detail", call.detail)
    }

    fileprivate mutating func entry(_ entry: SagaLogEntry) {
        object { json in
            json.time("at", entry.at)
            json.field("event", entry.event.rawValue)
            json.field("step", entry.step)
            json.field("detail", entry.detail)
            switch entry.cause {
            case .message(let id, let type):
                json.field("cause", type)
                json.field("messageId", id)
            case .deadline: json.field("cause", "deadline")
            case .operator(let who):
                json.field("cause", "operator")
                json.field("by", who)
            }
        }
    }
}
