/// Why a request has no answer.
public enum RequestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The brokers have it, and no answer came in time. Whether one will is not known.
    case late(after: Duration)
    /// As many wait already as may.
    case overloaded(inFlight: Int)
    /// The brokers don't take it, or its answer couldn't be read: they are away, or the topic is missing.
    case unavailable(String)
    /// The responder can't answer it; `isPassing`: now.
    case refused(String, isPassing: Bool)
    /// What came isn't an answer.
    case unreadable(String)
    /// The caller has gone, or the process ends.
    case abandoned

    public var description: String {
        switch self {
        case .late(let limit): "no answer within \(limit)"
        case .overloaded(let count): "\(count) requests wait for their answers already"
        case .unavailable(let reason): "the request can't be sent: \(reason)"
        case .refused(let reason, isPassing: _): "refused: \(reason)"
        case .unreadable(let reason): "the answer can't be read: \(reason)"
        case .abandoned: "nobody waits for the answer any more"
        }
    }

    /// For metrics.
    var outcome: String {
        switch self {
        case .late: "late"
        case .overloaded: "overloaded"
        case .unavailable: "unavailable"
        case .refused: "refused"
        case .unreadable: "unreadable"
        case .abandoned: "abandoned"
        }
    }
}
