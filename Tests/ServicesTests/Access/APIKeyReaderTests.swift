import Execution
import Hashing
import Messaging
import Postgres
import TestServers
import Testing

@testable import OrderflowKit

/// Keys from the table to where requests are checked by them.
@Suite(.blocking, .servers) struct APIKeyReaderTests {
    private static let now = WallClock.nowMicroseconds() / 1_000_000

    private func known(_ key: String, in ring: APIKeyRing) -> Principal? {
        try? ring.principal(of: Fingerprint(of: key), at: Self.now)
    }

    private func create(
        _ key: String, _ name: String, tenant: String? = "acme", rights: [Right] = [.ordersWrite],
        lifetime: Int64? = nil, on connection: Connection
    ) throws {
        try APIKeyStore.create(
            name: name, tenant: tenant, rights: Rights(rights), hash: Fingerprint(of: key), lifetime: lifetime,
            by: .ops, on: connection)
    }

    @Test func keysComeIntoForceAreNotedDownWhenUsedAndGo() throws {
        let database = try freshDatabase(ServiceDatabase.access.migrations)
        let connection = try Connection(database, logger: quiet)
        let (first, second) = (APIKey.generate(), APIKey.generate())
        try create(first, "first", rights: [.ordersWrite, .stockRead], on: connection)
        try create(APIKey.generate(), "gone", lifetime: 0, on: connection)

        let ring = APIKeyRing()
        #expect(!ring.health.isReady)
        let reader = APIKeyReader(ring, database: database, interval: .milliseconds(10), logger: quiet)
        let stop = StopSignal()
        let thread = DedicatedThread.start("keys") { reader.run(until: stop) }
        try eventually("the first key is known") { ring.health == .ready }
        let principal = try #require(known(first, in: ring))
        #expect(principal.subject == "key:first" && principal.tenant == "acme")
        #expect(principal.rights == Rights([.ordersWrite, .stockRead]))
        #expect(ring.count == 1)

        // In an order of commits that isn't that of the transactions.
        let other = try Connection(database, logger: quiet)
        try other.script("BEGIN")
        _ = try other.execute(
            """
            INSERT INTO api_keys (name, acts_for, scopes, hash, created_by) VALUES ('second', NULL, $1, $2, 'ops')
            """, [.textArray([Right.tenantsAny.rawValue]), .bytes(Fingerprint(of: second).bytes)])
        let third = APIKey.generate()
        try create(third, "third", on: connection)
        try eventually("the third key is known") { known(third, in: ring) != nil }
        #expect(known(second, in: ring) == nil)
        try other.script("COMMIT")
        try eventually("the second key is known") { known(second, in: ring) != nil }
        #expect(known(second, in: ring)?.tenant == nil)

        #expect(try APIKeyStore.revoke(name: "first", by: .ops, on: connection))
        #expect(try !APIKeyStore.revoke(name: "first", by: .ops, on: connection))
        try eventually("the first key is revoked") { known(first, in: ring) == nil }
        try eventually("its use is noted") {
            var cursor: Int64 = 0
            let keys = try APIKeyStore.list(includingEnded: true, after: &cursor, limit: 10, on: connection)
            return keys.first { $0.name == "first" }?.lastUsedAt == Self.now * 1_000_000
        }
        stop.stop()
        thread.join()

        var cursor: Int64 = 0
        let listed = try APIKeyStore.list(includingEnded: true, after: &cursor, limit: 10, on: connection)
        #expect(listed.map(\.name) == ["first", "gone", "second", "third"])
        #expect(listed.map { $0.revokedAt != nil } == [true, false, false, false])
        let records = try AuditLog.page(limit: 10, on: connection)
        #expect(records.map(\.act) == ["keys.create", "keys.create", "keys.create", "keys.revoke"])
        #expect(records.map(\.object) == ["key:first", "key:gone", "key:third", "key:first"])
        #expect(records.map(\.actor) == ["ops", "ops", "ops", "ops"] && Set(records.map(\.tenant)) == ["acme"])
        #expect(records.first?.detail == #"{"scopes":"orders:write stock:read"}"#)
        #expect(listed[0].scopes == ["orders:write", "stock:read"] && listed[2].tenant == nil)
        cursor = 0
        let inForce = try APIKeyStore.list(includingEnded: false, after: &cursor, limit: 1, on: connection)
        #expect(inForce.map(\.name) == ["second"])
        #expect(
            try APIKeyStore.list(includingEnded: false, after: &cursor, limit: 9, on: connection).map(\.name) == [
                "third"
            ])

        // A name is free again when its key is revoked, and not before.
        try create(APIKey.generate(), "first", on: connection)
        #expect(throws: APIKeyStore.Refusal.self) { try create(APIKey.generate(), "third", on: connection) }
    }

    @Test func aTableThatCantBeReadLeavesWhatIsKnown() throws {
        let database = try freshDatabase(ServiceDatabase.access.migrations)
        let connection = try Connection(database, logger: quiet)
        let key = APIKey.generate()
        try create(key, "key", on: connection)
        let ring = APIKeyRing()
        let reader = APIKeyReader(ring, database: database, interval: .milliseconds(10), logger: quiet)
        let stop = StopSignal()
        let thread = DedicatedThread.start("keys") { reader.run(until: stop) }
        try eventually("the key is known") { known(key, in: ring) != nil }
        try connection.script("ALTER TABLE api_keys RENAME TO hidden")
        try eventually("the failure is told") { ring.health != .ready }
        #expect(ring.health.isReady && known(key, in: ring) != nil)
        #expect(throws: IdentityRefusal.keysAway) { try ring.principal(of: Fingerprint(of: "of_new"), at: Self.now) }

        // What happened meanwhile is known afterwards.
        try connection.script("UPDATE hidden SET revoked_at = now(); ALTER TABLE hidden RENAME TO api_keys")
        try eventually("the key is revoked") { ring.health == .ready && known(key, in: ring) == nil }
        #expect(throws: IdentityRefusal.unknownKey) { try ring.principal(of: Fingerprint(of: key), at: Self.now) }
        stop.stop()
        thread.join()
    }

    @Test func keysAreRandomAndExpire() throws {
        let keys = Set((0..<1000).map { _ in APIKey.generate() })
        #expect(keys.count == 1000 && keys.allSatisfy { $0.utf8.count == 46 && $0.hasPrefix("of_") })
        let ring = APIKeyRing()
        let hash = Fingerprint(of: "of_x")
        ring.take(
            [.init(id: 1, hash: hash, principal: .anonymous, end: Self.now, isRevoked: false)], isWhole: true)
        #expect(throws: Never.self) { try ring.principal(of: hash, at: Self.now - 1) }
        #expect(throws: IdentityRefusal.expiredKey) { try ring.principal(of: hash, at: Self.now) }
        // One use a minute is noted.
        #expect(ring.takeUses() == [1: Self.now - 1])
        #expect(throws: Never.self) { try ring.principal(of: hash, at: Self.now - 1) }
        #expect(ring.takeUses().isEmpty)
    }
}
