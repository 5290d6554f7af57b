/// A text that is no schema, or says something that isn't read here.
public struct SchemaSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Bounds of the texts of schemas, which strangers write.
enum SchemaBounds {
    /// Bytes.
    static let limit = 1 << 20
    /// Of messages in messages, or of types in types.
    static let depth = 32
}
