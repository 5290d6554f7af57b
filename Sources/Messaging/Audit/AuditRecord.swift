import Hashing
import Postgres

/// An entry as it is kept: with its place, its time and its link of the chain.
public struct AuditRecord: Hashable, Sendable {
    /// From 1, without a gap.
    public let position: Int64
    /// Microseconds since the Unix epoch, by the server's clock.
    public let at: Int64
    public let actor: String
    /// An `AuditActor.Kind`, or one of a later version.
    public let actorKind: String
    public let origin: String
    public let alias: String?
    public let tenant: String?
    public let act: String
    public let object: String
    public let reason: String?
    /// JSON.
    public let detail: String?
    /// SHA-256 of the previous one's hash and this one's `canonical`.
    public let hash: [UInt8]

    static let columns = "position, at, actor, actor_kind, origin, alias, tenant, act, object, reason, detail, hash"

    init(_ row: Row) throws {
        position = try row.get(0, as: Int64.self)
        at = try row.get(1, as: Timestamp.self).microseconds
        actor = try row.get(2, as: String.self)
        actorKind = try row.get(3, as: String.self)
        origin = try row.get(4, as: String.self)
        alias = try row.get(5, as: String?.self)
        tenant = try row.get(6, as: String?.self)
        act = try row.get(7, as: String.self)
        object = try row.get(8, as: String.self)
        reason = try row.get(9, as: String?.self)
        detail = try row.get(10, as: String?.self)
        hash = try row.get(11, as: [UInt8].self)
    }

    /// What is hashed, as `AuditSchema` writes it in SQL: each field's length in bytes, a colon, the field and a comma; a
    /// dash and a comma for none.
    var canonical: [UInt8] {
        var bytes: [UInt8] = []
        let fields = ["\(position)", "\(at)", actor, actorKind, origin, alias, tenant, act, object, reason, detail]
        for field in fields {
            if let field {
                bytes += "\(field.utf8.count):".utf8
                bytes += field.utf8
            } else {
                bytes.append(UInt8(ascii: "-"))
            }
            bytes.append(UInt8(ascii: ","))
        }
        return bytes
    }

    /// What its hash has to be behind a record with the hash `previous`.
    func link(after previous: [UInt8]) -> [UInt8] { Digest.sha256.hash(previous + canonical) }
}
