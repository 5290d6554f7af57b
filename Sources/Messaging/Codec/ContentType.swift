/// The media type of a payload's bytes (RFC 9110 §8.3.1), as the `content-type` header of its record has it.
public struct ContentType: Hashable, Sendable, CustomStringConvertible {
    /// `application/json`, and what records without a content type have.
    public static let json = ContentType(name: nil)

    /// Nil for JSON, so that the usual case costs neither a text nor a column.
    let name: String?

    private init(name: String?) { self.name = name }

    /// Reads a media type. Types of JSON's syntax (`application/json` with whatever parameters, and the suffix `+json` of
    /// RFC 6839) are `json`; any other keeps its text.
    public init(_ text: String) {
        let essence = Self.essence(text)
        self.init(name: essence == Self.jsonText || essence.hasSuffix("+json") ? nil : text)
    }

    public var isJSON: Bool { name == nil }
    public var description: String { name ?? Self.jsonText }

    /// The type without its parameters, in lower case: what codecs are chosen by.
    var essence: String { name.map { Self.essence($0) } ?? Self.jsonText }

    private static func essence(_ text: String) -> String {
        String(text.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }).lowercased()
    }

    /// Whether a header's bytes say what nearly every record says.
    static func isPlainJSON(_ header: UnsafeRawBufferPointer) -> Bool { header.elementsEqual(jsonText.utf8) }

    private static let jsonText = "application/json"
}
