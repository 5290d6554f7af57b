import Orders
import UserFacts

/// Whom an invoice goes to, and where: the latest that was said of a user, by the time at which it was said.
struct InvoiceRecipient: Hashable, Sendable {
    struct Key: Hashable, Sendable, Comparable {
        let tenant: String
        let userID: String

        static func < (a: Key, b: Key) -> Bool { (a.tenant, a.userID) < (b.tenant, b.userID) }
    }

    /// Something that was said, comparable so that a reader of all of it keeps the same.
    struct Said<Content: Hashable & Sendable>: Hashable, Sendable {
        let content: Content
        let at: Int64
        /// The event's identity: decides between two of the same microsecond.
        let id: String

        func isLater(than other: Said?) -> Bool {
            guard let other else { return true }
            return (at, id) > (other.at, other.id)
        }
    }

    let key: Key
    var user: Said<UserCreated>?
    var account: Said<AccountCreated>?

    init(_ key: Key) { self.key = key }

    mutating func apply(_ fact: any UserFact, id: String) {
        switch fact {
        case let content as UserCreated:
            let said = Said(content: content, at: fact.at, id: id)
            if said.isLater(than: user) { user = said }
        case let content as AccountCreated:
            let said = Said(content: content, at: fact.at, id: id)
            if said.isLater(than: account) { account = said }
        default: break
        }
    }
}
