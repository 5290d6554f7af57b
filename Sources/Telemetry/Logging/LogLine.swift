import JSON
import Logging

/// A line that `JSONLogHandler` wrote, read back: for who looks for lines of several processes.
public struct LogLine: Sendable {
    /// Microseconds since the Unix epoch.
    public let time: Int64
    public let level: Logger.Level
    public let role: String
    /// The process, where several are of one role.
    public let instance: String?
    public let label: String
    public let message: String
    /// In the line's order, by name.
    let fields: [LogField]

    /// Nil for anything else than such a line.
    public init?(_ json: UnsafeRawBufferPointer) {
        guard let object = try? JSONValue(parsing: json).object else { return nil }
        func text(_ name: String) -> String? { object[name]?.string }
        guard let time = text("time").flatMap({ RFC3339.microseconds($0) }),
            let level = text("level").flatMap({ Logger.Level(rawValue: $0) }), let message = text("message")
        else { return nil }
        self.time = time
        self.level = level
        self.message = message
        role = text("role") ?? ""
        instance = text("instance")
        label = text("label") ?? ""
        fields = object.members.filter { !JSONLogHandler.ownNames.contains($0.name) }.map { member in
            LogField(name: LogText.name(member.name), value: LogField.Value(member.value))
        }
    }

    /// A field's text; nil where there is none of that name.
    public subscript(name: String) -> String? {
        guard let field = fields.first(where: { $0.name == name }) else { return nil }
        if case .text(let text) = field.value { return text }
        return nil
    }

    /// As people read it, with its end. Text from outside can't make a terminal do anything.
    public func text(isColoured: Bool = false) -> [UInt8] {
        // The label mostly says again what the role says.
        let more = label.isEmpty || label == role ? [] : [LogField(name: "label", value: .text(label))]
        return TextLogHandler.line(
            time, level, instance ?? role, message, fields + more, isColoured: isColoured)
    }
}

extension LogField.Value {
    fileprivate init(_ json: JSONValue) {
        switch json {
        case .string(let text): self = .text(text)
        case .bool(let flag): self = .flag(flag)
        case .number(let number): self = number.int64.map { .integer($0) } ?? .text(number.text)
        case .array(let values): self = .list(values.map { $0.string ?? $0.description })
        case .object, .null: self = .text(json.description)
        }
    }
}
