/// This message can't be handled, now or later.
public struct MessageRejected: Error, Sendable, CustomStringConvertible {
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
    public var description: String { reason }
}

/// A record can't be read now, for an outage.
public struct RecordUnavailable: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ reason: String) { description = reason }
}

/// A record isn't its source's word.
struct RecordForged: Error, CustomStringConvertible {
    let description: String
    init(_ reason: String) { description = reason }
}
