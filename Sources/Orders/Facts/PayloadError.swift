/// A payload that doesn't say what its type promises.
public struct PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
    public let type: String
    public let detail: String

    public init(type: String, detail: String) {
        self.type = type
        self.detail = detail
    }

    public var description: String { "\(type): \(detail)" }
}
