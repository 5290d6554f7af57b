import JSON

/// The part of an instance that is stored as one JSON document; the rest are columns of its own (`SagaSchema`).
/// Members with their usual value are left out: most documents are a few hundred bytes.
extension SagaInstance {
    func stateJSON() -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.object { json in
            json.field("priority", priority.attribute)
            json.field("reason", reason)
            json.field("anomaly", anomaly)
            json.key("steps")
            json.object { json in
                for step in steps {
                    json.key(dynamic: step.id)
                    json.object { json in
                        step.call.write(into: &json)
                        if step.undo.progress != .waiting {
                            json.key("undo")
                            json.object { step.undo.write(into: &$0) }
                        }
                    }
                }
            }
            if abort.progress != .waiting {
                json.key("abort")
                json.object { abort.write(into: &$0) }
            }
        }
        return writer.bytes
    }

    /// Puts the document back. A step that the definition no longer has is dropped where nothing of it can be left to
    /// undo, and an error where something may; one that the document doesn't know is waiting.
    mutating func readState(_ bytes: UnsafeRawBufferPointer) throws {
        var reader = JSONReader(bytes)
        try reader.readObject { key, reader in
            if key == "priority" {
                priority = Priority(attribute: try reader.readString())
            } else if key == "reason" {
                reason = try reader.readString()
            } else if key == "anomaly" {
                anomaly = try reader.readString()
            } else if key == "abort" {
                abort = try SagaCall.read(&reader).call
            } else if key == "steps" {
                try reader.readObject { id, reader in
                    guard let index = steps.firstIndex(where: { id.names($0.id) }) else {
                        let (call, undo) = try SagaCall.read(&reader)
                        guard status.isEnd || undo?.isDone == true || undo == nil && !call.mayHaveBeenDone else {
                            throw UnknownStep(id: id.string)
                        }
                        return
                    }
                    let (call, undo) = try SagaCall.read(&reader)
                    steps[index].call = call
                    if let undo { steps[index].undo = undo }
                }
            } else {
                try reader.skipValue()
            }
        }
        try reader.end()
    }
}

/// Dropped, it would never be undone.
private struct UnknownStep: Error, CustomStringConvertible {
    let id: String
    var description: String { "has a step \(id) that this program can't undo" }
}

extension SagaCall {
    fileprivate var mayHaveBeenDone: Bool { progress != .waiting && progress != .failed }

    fileprivate func write(into json: inout JSONWriter) {
        json.field("progress", progress.rawValue)
        if let requestedAt { json.field("requestedAt", requestedAt) }
        if let settledAt { json.field("settledAt", settledAt) }
        if let dueAt { json.field("dueAt", dueAt) }
        if requests != 0 { json.field("requests", requests) }
        if refusals != 0 { json.field("refusals", refusals) }
        if unanswered != 0 { json.field("unanswered", unanswered) }
        json.field("detail", detail)
    }

    fileprivate static func read(_ reader: inout JSONReader) throws -> (call: SagaCall, undo: SagaCall?) {
        var call = SagaCall()
        var undo: SagaCall?
        try reader.readObject { key, reader in
            if key == "progress" {
                let text = try reader.readString()
                guard let progress = Progress(rawValue: text) else {
                    throw JSONError(reason: "is no progress: \(text)", offset: reader.offset)
                }
                call.progress = progress
            } else if key == "requestedAt" {
                call.requestedAt = try reader.readInt64()
            } else if key == "settledAt" {
                call.settledAt = try reader.readInt64()
            } else if key == "dueAt" {
                call.dueAt = try reader.readInt64()
            } else if key == "requests" {
                call.requests = Int(try reader.readInt64())
            } else if key == "refusals" {
                call.refusals = Int(try reader.readInt64())
            } else if key == "unanswered" {
                call.unanswered = Int(try reader.readInt64())
            } else if key == "detail" {
                call.detail = try reader.readString()
            } else if key == "undo" {
                undo = try read(&reader).call
            } else {
                try reader.skipValue()
            }
        }
        return (call, undo)
    }
}

extension JSONKey {
    fileprivate func names(_ text: String) -> Bool { string == text }
}
