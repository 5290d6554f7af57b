/// What moves a saga.
public enum SagaInput: Sendable {
    case fact(type: String, payload: [UInt8], messageID: String)
    /// The clock has reached `SagaInstance.nextDeadline`. Too early or too often is harmless.
    case deadline
    /// An operator wants whatever is waited for asked again now.
    case retry(note: String, by: String)
    /// An operator took care of the compensation of `step` (or of the `abort`, or of the pivot) by hand. Without a
    /// step: of an anomaly, or else of the one thing that is waited for.
    case resolve(step: String?, note: String, by: String)

    /// The name under which the abort is resolved.
    public static let abortStep = "abort"

    var isDeadline: Bool { if case .deadline = self { true } else { false } }

    var cause: SagaCause {
        switch self {
        case .fact(let type, _, let messageID): .message(id: messageID, type: type)
        case .deadline: .deadline
        case .retry(_, let by), .resolve(_, _, let by): .operator(by)
        }
    }
}

/// Why a transition happened.
public enum SagaCause: Hashable, Sendable {
    case message(id: String, type: String)
    case deadline
    case `operator`(String)
}

/// Why an operator's wish can't be met.
public enum SagaRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownStep(String)
    case notWaiting(step: String)
    case ended(SagaInstance.Status)
    case severalWaiting([String])
    case watching

    public var description: String {
        switch self {
        case .unknownStep(let step): "there is no step \(step)"
        case .notWaiting(let step): "nothing is waited for at \(step)"
        case .ended(let status): "the saga is \(status.rawValue)"
        case .severalWaiting(let steps): "several steps are waited for, say which: \(steps.joined(separator: ", "))"
        case .watching: "the saga sends no commands in choreography"
        }
    }
}
