import Schemas

/// The media type of a payload's bytes (RFC 9110 §8.3.1), as the `content-type` header of its record has it.
public struct ContentType: Hashable, Sendable, CustomStringConvertible {
    /// `application/json`, and what records without a content type have.
    public static let json = ContentType(name: nil)

    /// Nil for JSON, so that the usual case costs neither a text nor a column.
    let name: String?

    private init(name: String?) { self.name = name }

    /// What a header says, where that is one of the types that nearly all records have: no text is made of it. Nil for
    /// any other, which may be as good.
    init?(known header: UnsafeRawBufferPointer) {
        if header.elementsEqual(Self.jsonText.utf8) {
            self = .json
        } else if let name = Self.known.name(header) {
            self.init(name: name)
        } else {
            return nil
        }
    }

    private static let known = TypeNames(
        Set(SchemaFormat.allCases.flatMap { [$0.contentType] + $0.aliases }.compactMap(\.name)))

    /// Takes a media type as it is; which codec it names, or that it is none, is said by `PayloadCodecs`. The types of
    /// JSON, with whatever parameters, are `json`: `application/json`, `text/json` (WHATWG MIME Sniffing §4.6) and the
    /// suffix `+json` (RFC 6839); any other keeps its text.
    public init(_ text: String) {
        self.init(name: Self.essence(text).map(Self.isJSON) == true ? nil : text)
    }

    public var isJSON: Bool { name == nil }
    public var description: String { name ?? Self.jsonText }

    /// The type without its parameters, in lower case: what codecs are chosen by. Nil for a text that is no media type.
    var essence: String? { name.map { Self.essence($0) } ?? Self.jsonText }

    /// The type says nothing of a format: producers have it that name none.
    var isGeneric: Bool { essence.map { Self.generic.contains($0) } ?? false }

    private static func isJSON(_ essence: String) -> Bool {
        essence == jsonText || essence == "text/json" || essence.hasSuffix("+json")
    }

    /// Two tokens with a slash between them, and blanks around both alone.
    private static func essence(_ text: String) -> String? {
        var text = text
        return text.withUTF8 { all in
            var bare = all.prefix { $0 != UInt8(ascii: ";") }.drop(while: isBlank)
            while let last = bare.last, isBlank(last) { bare.removeLast() }
            guard let slash = bare.firstIndex(of: UInt8(ascii: "/")), slash > bare.startIndex,
                slash + 1 < bare.endIndex, bare[..<slash].allSatisfy(isToken), bare[(slash + 1)...].allSatisfy(isToken)
            else { return nil }
            return String(decoding: bare.map { isUpper($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static let jsonText = "application/json"
    private static let generic: Set<String> = ["text/plain", "application/octet-stream", "binary/octet-stream"]
}
