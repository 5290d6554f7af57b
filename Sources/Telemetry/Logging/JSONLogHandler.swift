import Execution
import JSON
import Logging

/// Log lines for machines: one JSON object a line, its fields flat.
///
///     {"time":"2026-11-21T07:12:03.514021Z","level":"info","role":"shipping","label":"shipping","message":"relay leads","relay":"shipping/outbox"}
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level = .info
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let role: String
    private let instance: String?
    private let output: LogOutput

    /// Members of every line. A field of such a name gets an underscore: no field may pass for the line's own.
    static let ownNames: Set<String> = ["time", "level", "role", "instance", "label", "message"]

    /// - Parameters:
    ///   - role: what the process is.
    ///   - instance: which one of those it is, for lines that leave it.
    public init(
        label: String, role: String, instance: String? = nil, output: LogOutput = .standardError,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.role = role
        self.instance = instance
        self.output = output
        self.metadataProvider = metadataProvider
    }

    public subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let now = WallClock.nowMicroseconds()
        output.write(line(event, at: now), at: now)
    }

    /// - Parameter time: microseconds since the Unix epoch.
    func line(_ event: LogEvent, at time: Int64) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.key("time")
            json.raw { RFC3339.append(time, to: &$0) }
            json.field("level", event.level.rawValue)
            json.key("role")
            json.raw { LogText.appendQuoted(role, to: &$0) }
            if let instance {
                json.key("instance")
                json.raw { LogText.appendQuoted(instance, to: &$0) }
            }
            json.key("label")
            json.raw { LogText.appendQuoted(label, to: &$0) }
            json.key("message")
            json.raw { LogText.appendQuoted(event.message.description, to: &$0) }
            var written: Set<String> = []
            for field in LogField.all(of: event, metadata, metadataProvider) {
                let name = Self.ownNames.contains(field.name) ? field.name + "_" : field.name
                // Two names may have become one; a repeated member makes the line unreadable for strict parsers.
                guard written.insert(name).inserted else { continue }
                json.key(dynamic: name)
                Self.append(field.value, to: &json)
            }
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    private static func append(_ value: LogField.Value, to json: inout JSONWriter) {
        switch value {
        case .text(let text): json.raw { LogText.appendQuoted(text, to: &$0) }
        case .integer(let number): json.value(number)
        case .flag(let flag): json.value(flag)
        case .list(let values):
            json.array { json in for value in values { json.raw { LogText.appendQuoted(value, to: &$0) } } }
        }
    }
}
