/// Takes a mail over, for good. Used by one thread at a time.
public protocol MailTransport: AnyObject {
    /// Returns once the other side has the mail.
    func send(_ mail: MailMessage) throws(MailError)
}

/// Why a mail was not, or perhaps not, taken over.
public enum MailError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server will never take it (SMTP 5xx, an impossible address).
    case permanent(String)
    /// The server answered, and puts off this mail alone (SMTP 450–452: greylisting, a full mailbox).
    case deferred(String)
    /// It was not taken, and a later try may succeed.
    case transient(String)
    /// The connection ended before the server's word: it may have the mail.
    case outcomeUnknown(String)

    /// Whether other mails would fare no better now.
    public var isOfTheServer: Bool {
        switch self {
        case .permanent, .deferred: false
        case .transient, .outcomeUnknown: true
        }
    }

    public var description: String {
        switch self {
        case .permanent(let reason): "refused: \(reason)"
        case .deferred(let reason): "put off: \(reason)"
        case .transient(let reason): "not sent: \(reason)"
        case .outcomeUnknown(let reason): "perhaps sent: \(reason)"
        }
    }
}
