/// Why a text is not the JSON that was asked for.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In words for a person: "must be a string, not a number".
    public let reason: String
    /// Byte offset of the place in the text.
    public let offset: Int
    /// RFC 6901 pointer to the value; empty for the whole document.
    public var pointer: String
    /// Well-formed so far, but not what the reader asked for: another type, or beyond a limit that the caller set.
    public let isWrongType: Bool

    public init(reason: String, offset: Int, pointer: String = "", isWrongType: Bool = false) {
        self.reason = reason
        self.offset = offset
        self.pointer = pointer
        self.isWrongType = isWrongType
    }

    public var description: String {
        "\(pointer.isEmpty ? "JSON" : pointer) \(reason) (byte \(offset))"
    }
}

/// The kind of a value, told by its first byte.
public enum JSONKind: String, Sendable {
    case object, array, string, number, bool, null
    /// The text is over.
    case end
    /// No value begins like this.
    case invalid

    /// With its article, for error messages.
    public var article: String {
        switch self {
        case .object, .array: "an \(rawValue)"
        case .null: "null"
        case .bool: "true or false"
        case .end: "nothing"
        default: "a \(rawValue)"
        }
    }
}
