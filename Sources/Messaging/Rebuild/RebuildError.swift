/// Why a rebuild ended without an exchange, in one line. The live model is as it was.
public struct RebuildError: Error, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
