import Execution
import Hashing
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// What ids made of Idempotency-Keys depend on besides the keys, so that nobody computes another's. The database makes it
/// with its schema, and it never changes: it would change the ids.
struct InstallationSecret: Sendable {
    private let key: AuthenticationKey
    /// Microseconds since the Unix epoch.
    private let formerIDsUntil: Int64

    static let schema = """
        CREATE TABLE installation_secret (
            single           boolean PRIMARY KEY DEFAULT true CHECK (single),
            secret           bytea NOT NULL,
            -- Until then, what came under a key before there was a secret is found by the id that it has from then.
            former_ids_until timestamptz NOT NULL
        );
        INSERT INTO installation_secret (secret, former_ids_until)
        SELECT \(SecretSQL.bytes),
               CASE WHEN EXISTS (SELECT FROM events) THEN now() + interval '30 days' ELSE now() END;
        """

    init(_ secret: [UInt8], formerIDsUntil: Int64 = 0) {
        key = AuthenticationKey(secret)
        self.formerIDsUntil = formerIDsUntil
    }

    static func load(on connection: Connection) throws -> InstallationSecret {
        let rows = try connection.query("SELECT secret, former_ids_until FROM installation_secret")
        guard let row = rows.first else { throw SecretMissing() }
        return InstallationSecret(
            try row.get(0, as: [UInt8].self), formerIDsUntil: try row.get(1, as: Timestamp.self).microseconds)
    }

    /// What a key may stand for, each with ids of its own.
    enum Purpose: String, Sendable { case order, user, account, batch, line }

    func looksForFormerIDs(at now: Int64) -> Bool { now < formerIDsUntil }

    /// The id that a key stands for.
    ///
    /// - Parameters:
    ///   - owner: who sends it, where callers are known: two of them may have the same key. Empty else.
    ///   - line: of the request that has the key, where it stands for many.
    func id(
        _ purpose: Purpose, _ key: IdempotencyKey, tenant: String, owner: String, line: Int? = nil
    ) -> String {
        var name: [UInt8] = []
        for part in [purpose.rawValue, tenant, owner, key.text] {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: part.utf8.count).bigEndian) { name += $0 }
            name += part.utf8
        }
        if let line { withUnsafeBytes(of: UInt32(truncatingIfNeeded: line).bigEndian) { name += $0 } }
        return UUIDText.v8(self.key.code(of: name))
    }

    /// The id that the key stood for before there was a secret.
    static func formerID(_ purpose: Purpose, _ key: IdempotencyKey, tenant: String) -> String {
        let names = purpose == .order ? [tenant, key.text] : [tenant, purpose.rawValue, key.text]
        return UUIDText.v5(name: names.joined(separator: "\0"))
    }

    /// The digests of a request. It has what can be guessed, such as a payment token: the digest that is kept is keyed.
    func digest(of canonical: [UInt8]) -> KeyedDigest {
        KeyedDigest(
            text: RequestDigest.of(canonical, by: key),
            former: formerIDsUntil > 0 ? RequestDigest.of(canonical) : nil)
    }
}

/// Tells whether a request is the one that came before.
struct KeyedDigest: Sendable {
    /// What is kept.
    let text: String
    /// What was kept of the same request before there was a secret.
    fileprivate let former: String?

    func matches(_ kept: String?) -> Bool { kept == text || former != nil && kept == former }
}

/// Nothing else than a hand in the table takes it away.
private struct SecretMissing: Error, CustomStringConvertible {
    let description = "installation_secret is empty; without it the ids of Idempotency-Keys can't be made"
}

extension RequestContext {
    /// Whose Idempotency-Keys the caller's are: a token's and a key's subjects are told apart. Empty where callers aren't
    /// identified: who only says who he is may say it otherwise with the next try.
    var keyOwner: String { principal.subject.isEmpty ? "" : "\(principal.kind.rawValue) \(principal.subject)" }
}
