/// Another process changed a row between our read and our write. Nothing is wrong: the same batch, tried again, decides
/// on what is true then.
public struct ConcurrentChange: Error, Sendable, CustomStringConvertible {
    public let streamID: String
    public init(streamID: String) { self.streamID = streamID }
    public var description: String { "\(streamID) was changed meanwhile" }
}
