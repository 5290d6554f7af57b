import Hashing
import JSON

/// What of a definition decides how its instances go: its steps in their order, the commands and the answers, and how
/// each step is undone. Deadlines and patience are no part of it, nor is what commands are made from.
///
/// Kept beside the instances (`SagaSchema.definitions`), so that a later program can compare its own definition with those
/// that have led them.
public struct SagaCourse: Hashable, Sendable {
    /// Where a command goes, and what it is.
    public struct Command: Hashable, Sendable, CustomStringConvertible {
        public let topic: String
        public let type: String

        public var description: String { "\(type) on \(topic)" }
    }

    /// How a step is undone.
    public struct Compensation: Hashable, Sendable {
        public let command: Command
        public let doneBy: Set<String>
        public let refusedBy: Set<String>
    }

    public struct Step: Hashable, Sendable {
        public enum Kind: String, Sendable {
            case compensatable, external, pivot
        }

        public let id: String
        public let kind: Kind
        public let after: [String]
        /// Nil for a step that is taken unasked.
        public let command: Command?
        public let succeededBy: Set<String>
        public let failedBy: Set<String>
        public let compensation: Compensation?
    }

    public let saga: String
    public let version: Int
    public let startedBy: String
    public let cancelledBy: Set<String>
    public let steps: [Step]
    public let abort: Command
    public let abortedBy: Set<String>

    init(
        name: String, version: Int, startedBy: String, cancelledBy: Set<String>, steps: [SagaStep], abort: SagaAbort
    ) {
        saga = name
        self.version = version
        self.startedBy = startedBy
        self.cancelledBy = cancelledBy
        self.steps = steps.map { Step($0) }
        self.abort = Command(abort.command)
        abortedBy = abort.answeredBy
    }

    /// SHA-256 of the canonical JSON, its first 16 bytes in hexadecimal.
    public var fingerprint: String {
        Hexadecimal.text(Digest.sha256.hash(json).prefix(16))
    }

    func step(_ id: String) -> Step? { steps.first { $0.id == id } }
}

extension SagaCourse.Command {
    fileprivate init(_ builder: SagaCommandBuilder) { self.init(topic: builder.topic, type: builder.type) }
}

extension SagaCourse.Step {
    fileprivate init(_ step: SagaStep) {
        id = step.id
        after = step.after
        command = step.command.map { SagaCourse.Command($0) }
        succeededBy = step.succeededBy
        failedBy = step.failedBy
        compensation = step.compensation.map {
            SagaCourse.Compensation(
                command: SagaCourse.Command($0.command), doneBy: $0.doneBy, refusedBy: $0.refusedBy)
        }
        kind =
            switch step.kind {
            case .compensatable: .compensatable
            case .external: .external
            case .pivot: .pivot
            }
    }
}

// MARK: As JSON

extension SagaCourse {
    /// One text for one course: members in a fixed order, sets sorted.
    public var json: [UInt8] {
        var writer = JSONWriter(capacity: 2048)
        writer.object { json in
            json.field("saga", saga)
            json.field("version", version)
            json.field("startedBy", startedBy)
            json.set("cancelledBy", cancelledBy)
            json.key("steps")
            json.array { json in
                for step in steps {
                    json.object { json in
                        json.field("step", step.id)
                        json.field("kind", step.kind.rawValue)
                        json.key("after")
                        json.array { json in for id in step.after { json.value(id) } }
                        if let command = step.command { json.command("command", command) }
                        json.set("succeededBy", step.succeededBy)
                        json.set("failedBy", step.failedBy)
                        guard let compensation = step.compensation else { return }
                        json.command("compensation", compensation.command)
                        json.set("undoneBy", compensation.doneBy)
                        json.set("undoRefusedBy", compensation.refusedBy)
                    }
                }
            }
            json.command("abort", abort)
            json.set("abortedBy", abortedBy)
        }
        return writer.bytes
    }

    /// Throws `Unreadable` for what no `json` gives.
    init(json: [UInt8]) throws {
        let document = try JSONValue(parsing: json)
        saga = try document.text("saga")
        guard let version = document["version"]?.int64 else { throw Unreadable(member: "version") }
        self.version = Int(version)
        startedBy = try document.text("startedBy")
        cancelledBy = Set(try document.texts("cancelledBy"))
        guard let steps = document["steps"]?.array else { throw Unreadable(member: "steps") }
        self.steps = try steps.map { step in
            let kind = try step.text("kind")
            guard let known = Step.Kind(rawValue: kind) else { throw Unreadable(member: "kind \(kind)") }
            let compensation = try step["compensation"].map { _ in
                Compensation(
                    command: try step.command("compensation"), doneBy: Set(try step.texts("undoneBy")),
                    refusedBy: Set(try step.texts("undoRefusedBy")))
            }
            return Step(
                id: try step.text("step"), kind: known, after: try step.texts("after"),
                command: try step["command"].map { _ in try step.command("command") },
                succeededBy: Set(try step.texts("succeededBy")), failedBy: Set(try step.texts("failedBy")),
                compensation: compensation)
        }
        abort = try document.command("abort")
        abortedBy = Set(try document.texts("abortedBy"))
    }

    /// A row of `saga_definitions` that this program didn't write, nor one before it.
    struct Unreadable: Error, CustomStringConvertible {
        let member: String
        var description: String { "a recorded definition of a saga has no readable \(member)" }
    }
}

extension JSONWriter {
    fileprivate mutating func set(_ name: StaticString, _ texts: Set<String>) {
        key(name)
        array { json in for text in texts.sorted() { json.value(text) } }
    }

    fileprivate mutating func command(_ name: StaticString, _ command: SagaCourse.Command) {
        key(name)
        object { json in
            json.field("topic", command.topic)
            json.field("type", command.type)
        }
    }
}

extension JSONValue {
    fileprivate func text(_ name: String) throws -> String {
        guard let text = self[name]?.string else { throw SagaCourse.Unreadable(member: name) }
        return text
    }

    fileprivate func texts(_ name: String) throws -> [String] {
        guard let values = self[name]?.array else { throw SagaCourse.Unreadable(member: name) }
        return try values.map { value in
            guard let text = value.string else { throw SagaCourse.Unreadable(member: name) }
            return text
        }
    }

    fileprivate func command(_ name: String) throws -> SagaCourse.Command {
        guard let command = self[name] else { throw SagaCourse.Unreadable(member: name) }
        return SagaCourse.Command(topic: try command.text("topic"), type: try command.text("type"))
    }
}
