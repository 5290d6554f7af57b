/// Why data of one schema can't be read by another.
public struct Incompatibility: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where in the schema: `/items/qty`; empty for the whole.
    public let path: String
    /// Which rule: a name that can be looked for, such as `reader_field_missing_default_value`.
    public let rule: String
    public let detail: String

    public init(path: String, rule: String, detail: String) {
        self.path = path
        self.rule = rule
        self.detail = detail
    }

    public var description: String { "\(path.isEmpty ? "/" : path) \(rule): \(detail)" }
}

/// What a new schema has to stand, as Confluent's registry calls it ("Schema Evolution and Compatibility").
public enum CompatibilityMode: String, Hashable, Sendable, CaseIterable {
    /// Readers by the new schema read what was written by the last one: readers are upgraded first.
    case backward
    /// The same, and by all before.
    case backwardTransitive = "backward-transitive"
    /// Readers by the last schema read what is written by the new one: writers are upgraded first.
    case forward
    case forwardTransitive = "forward-transitive"
    /// Both.
    case full
    case fullTransitive = "full-transitive"
    case none

    public var isTransitive: Bool { rawValue.hasSuffix("-transitive") }
    private var isBackward: Bool { self != .none && !rawValue.hasPrefix("forward") }
    /// Whether readers by an older schema count.
    public var isForward: Bool { rawValue.hasPrefix("forward") || rawValue.hasPrefix("full") }

    /// What stands in the way of `new` after `old`; empty where nothing does.
    public func flaws(of new: SchemaDefinition, after old: SchemaDefinition) -> [Incompatibility] {
        (isBackward ? new.flaws(reading: old, isOlder: true) : [])
            + (isForward ? old.flaws(reading: new, isOlder: false) : [])
    }
}

extension SchemaDefinition {
    /// Why data of `writer` can't be read by this schema; empty where it can.
    ///
    /// - Parameter isOlder: whether the writer's schema is the older one.
    fileprivate func flaws(reading writer: SchemaDefinition, isOlder: Bool) -> [Incompatibility] {
        switch (self, writer) {
        case (.protobuf(let reader), .protobuf(let writer)):
            ProtoCompatibility.flaws(reader: reader, writer: writer, isWriterOlder: isOlder)
        case (.avro(let reader), .avro(let writer)): AvroCompatibility.flaws(reader: reader, writer: writer)
        default:
            [Incompatibility(path: "", rule: "format_changed", detail: "\(writer.format) can't be read as \(format)")]
        }
    }
}
