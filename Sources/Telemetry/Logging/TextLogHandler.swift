import Execution
import JSON
import Logging

/// Log lines for people: time, level, role, what happened, and its fields.
///
///     2026-11-21T07:12:03.514021Z  info      shipping      relay leads  relay=shipping/outbox
public struct TextLogHandler: LogHandler {
    public var logLevel: Logger.Level = .info
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let output: LogOutput
    private let isColoured: Bool

    /// The longest role, so that what follows stands in a column.
    private static let labelWidth = 12
    private static let levelWidth = 8

    public init(
        label: String, output: LogOutput = .standardError, isColoured: Bool = false,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.output = output
        self.isColoured = isColoured
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
        Self.line(
            time, event.level, label, event.message.description, LogField.all(of: event, metadata, metadataProvider),
            isColoured: isColoured)
    }

    static func line(
        _ time: Int64, _ level: Logger.Level, _ label: String, _ message: String, _ fields: [LogField],
        isColoured: Bool
    ) -> [UInt8] {
        let paint = isColoured ? paint : plain
        var line: [UInt8] = []
        line.reserveCapacity(512)
        paint(.dim, &line) { $0.append(contentsOf: RFC3339.text(time).utf8) }
        line.append(contentsOf: "  ".utf8)
        paint(Colour(level), &line) { appendPadded(level.rawValue, levelWidth, to: &$0) }
        line.append(contentsOf: "  ".utf8)
        appendPadded(LogText.name(label), labelWidth, to: &line)
        line.append(contentsOf: "  ".utf8)
        LogText.appendMessage(message, to: &line)
        for field in fields {
            line.append(contentsOf: "  ".utf8)
            paint(.dim, &line) { line in
                line.append(contentsOf: field.name.utf8)
                line.append(UInt8(ascii: "="))
            }
            append(field.value, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static func append(_ value: LogField.Value, to line: inout [UInt8]) {
        switch value {
        case .text(let text): LogText.appendWord(text, to: &line)
        case .integer(let number): line.append(contentsOf: String(number).utf8)
        case .flag(let flag): line.append(contentsOf: (flag ? "true" : "false").utf8)
        case .list(let values): LogText.appendWord(values.joined(separator: ","), to: &line)
        }
    }

    private static func appendPadded(_ text: String, _ width: Int, to line: inout [UInt8]) {
        line.append(contentsOf: text.utf8)
        line.append(contentsOf: repeatElement(UInt8(ascii: " "), count: max(0, width - text.utf8.count)))
    }

    // MARK: Colour

    /// SGR parameters (ECMA-48 §8.3.117), from the 16 colours that every terminal's theme sets.
    private enum Colour: String {
        case dim = "2", plain = "0", green = "32", yellow = "33", red = "31", alarm = "1;31"

        init(_ level: Logger.Level) {
            self =
                switch level {
                case .trace, .debug: .dim
                case .info: .green
                case .notice: .plain
                case .warning: .yellow
                case .error: .red
                case .critical: .alarm
                }
        }
    }

    private static func plain(_ colour: Colour, _ line: inout [UInt8], _ body: (inout [UInt8]) -> Void) { body(&line) }

    private static func paint(_ colour: Colour, _ line: inout [UInt8], _ body: (inout [UInt8]) -> Void) {
        line.append(contentsOf: "\u{1B}[\(colour.rawValue)m".utf8)
        body(&line)
        line.append(contentsOf: "\u{1B}[0m".utf8)
    }
}
