import Schemas

/// The formats that payloads are sent in, by topic. A topic may have records of several: readers take each as it is.
public struct TopicFormats: Hashable, Sendable {
    /// JSON everywhere.
    public static let json = TopicFormats()

    /// Of topics that aren't named; nil is JSON, here as there.
    public let others: SchemaFormat?
    /// By the topics' names on the brokers.
    public let byTopic: [String: SchemaFormat?]

    public init(others: SchemaFormat? = nil, _ byTopic: [String: SchemaFormat?] = [:]) {
        self.others = others
        self.byTopic = byTopic
    }

    public subscript(topic: String) -> SchemaFormat? { byTopic[topic] ?? others }
    public var isJSON: Bool { others == nil && byTopic.values.allSatisfy { $0 == nil } }

    /// Those that some topic has.
    public var used: Set<SchemaFormat> { Set(([others] + byTopic.values).compactMap { $0 }) }

    /// Reads what `text` writes: a format for all topics, or `topic=format`, several by commas, of which one without a topic
    /// is for all others. Nil for anything else.
    public init?(_ text: String) {
        var others: SchemaFormat??
        var byTopic: [String: SchemaFormat?] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { $0.trimming { $0 == " " } }
            guard let name = words.last, let format = Self.format(named: name) else { return nil }
            if words.count == 1 {
                guard others == nil else { return nil }
                others = .some(format)
            } else {
                guard Self.isTopic(words[0]), byTopic.updateValue(format, forKey: words[0]) == nil else { return nil }
            }
        }
        self.init(others: others ?? nil, byTopic)
    }

    /// Text that `init` makes the same of.
    public var text: String {
        let topics = byTopic.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.name(of: $0.value))" }
        let rest = others != nil || topics.isEmpty ? [Self.name(of: others)] : []
        return (rest + topics).joined(separator: ",")
    }

    private static let jsonName = "json"

    private static func name(of format: SchemaFormat?) -> String { format?.rawValue ?? jsonName }

    /// Nil for a name that no format has.
    private static func format(named name: String) -> SchemaFormat?? {
        if name == jsonName { return .some(nil) }
        return SchemaFormat(rawValue: name).map { .some($0) }
    }

    private static func isTopic(_ text: String) -> Bool {
        (1...249).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }
}

extension Substring {
    fileprivate func trimming(_ isBlank: (Character) -> Bool) -> String {
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return String(text)
    }
}
