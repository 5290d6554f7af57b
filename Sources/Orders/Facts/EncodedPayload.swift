/// Where a payload comes from, and so how closely it is looked at.
public enum PayloadOrigin: Hashable, Sendable {
    /// A topic, where anybody may write: every member is held against the bounds that a request's has.
    case topic
    /// A table of ours: it was looked at when it came in, by the bounds of that day.
    case store
}

/// A payload as a record or a row has it, and what stands in where it leaves something out.
public struct EncodedPayload: Sendable {
    /// A JSON object.
    public let bytes: [UInt8]
    public let schemaVersion: Int
    /// Counts where the payload names no time; microseconds since the Unix epoch.
    public let time: Int64
    /// The event's, which counts where the payload names no id of its own.
    public let id: String
    public let origin: PayloadOrigin

    public init(
        _ bytes: [UInt8], schemaVersion: Int = 1, time: Int64 = 0, id: String = "", from origin: PayloadOrigin = .topic
    ) {
        self.bytes = bytes
        self.schemaVersion = schemaVersion
        self.time = time
        self.id = id
        self.origin = origin
    }

    /// The same with other bytes.
    func with(_ bytes: [UInt8]) -> EncodedPayload {
        EncodedPayload(bytes, schemaVersion: schemaVersion, time: time, id: id, from: origin)
    }
}
