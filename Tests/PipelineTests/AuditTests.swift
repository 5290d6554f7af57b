import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow audit`, over all services' databases.
@Suite(.serialized, .servers) struct AuditTests {
    /// One for both tests: the second does nothing.
    private static let shop = Result { try Shop() }

    private static func lines(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    private static func texts(_ lines: [[String: Any]], _ member: String) -> [String?] {
        lines.map { $0[member] as? String }
    }

    @Test func whatOperatorsDoIsListedExportedAndProven() throws {
        let shop = try Self.shop.get()
        #expect(try shop.run("audit", "export").isEmpty)
        try shop.produce("no JSON", key: "k", to: "order-events")
        try shop.run("stock", "set", "ABC", "5", "--tenant", "acme", "--by", "mo", "--note", "counted\u{1B}[2J")
        try shop.run("groups", "reset", "sales-group", "--to", "latest", "--skip", "--note", "a flood")
        try shop.run("stock", "set", "ABC", "6")
        try shop.run("groups", "reset", "sales-group", "--to", "earliest", "--dry-run")
        _ = try #require(throws: CommandFailed.self) { try shop.run("stock", "set", "ABC", "-1") }

        let all = try Self.lines(shop.run("audit", "export"))
        #expect(Self.texts(all, "act") == ["stock.set", "groups.reset", "stock.set"])
        #expect(Self.texts(all, "service") == ["inventory", "views", "inventory"])
        #expect(Self.texts(all, "object") == ["ABC", "sales-group", "ABC"])
        #expect(Self.texts(all, "tenant") == ["acme", nil, "default"])
        #expect(Self.texts(all, "alias") == ["mo", nil, nil])
        #expect(all.allSatisfy { $0["actorKind"] as? String == "os" && !($0["actor"] as? String ?? "").isEmpty })
        #expect((all[0]["detail"] as? [String: Any])?["quantity"] as? Int == 5)
        let moved = (all[1]["detail"] as? [String: Any])?["partitions"] as? [[String: Any]]
        #expect(moved?.count == 12 && moved?.compactMap { $0["to"] as? Int }.reduce(0, +) == 1)

        // The newest first, and narrowed.
        let newest = try Self.lines(shop.run("audit", "list", "--limit", "2", "--json"))
        #expect(Self.texts(newest, "hash") == [all[2]["hash"] as? String, all[1]["hash"] as? String])
        #expect(try Self.lines(shop.run("audit", "list", "--act", "stock", "--tenant", "acme", "--json")).count == 1)
        #expect(try Self.lines(shop.run("audit", "export", "--service", "views")).count == 1)
        #expect(try shop.run("audit", "export", "--who", "nobody").isEmpty)
        #expect(try shop.run("audit", "export", "--until", "1h").isEmpty)
        let table = try shop.run("audit", "list")
        #expect(table.contains("as mo") && table.contains("views/1") && !table.contains("\u{1B}"))

        // Nobody has been at it.
        let heads = NSTemporaryDirectory() + "/orderflow-heads-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: heads) }
        try shop.run("audit", "heads", "--json").write(toFile: heads, atomically: true, encoding: .utf8)
        try shop.run("stock", "set", "ABC", "7")
        try shop.run("audit", "heads", "--against", heads)
        #expect(try Self.broken(shop, expecting: 0).isEmpty)

        // Somebody has.
        _ = try shop.query(
            """
            ALTER TABLE audit DISABLE TRIGGER ALL;
            UPDATE audit SET detail = '{"quantity":500}' WHERE position = 2;
            DELETE FROM audit WHERE position = 3;
            ALTER TABLE audit ENABLE TRIGGER ALL
            """, in: "inventory")
        #expect(
            try Self.broken(shop, expecting: 1) == [
                "inventory: audit log: record 2 was changed, or the one before it",
                "inventory: audit log: record 3 is missing at the end",
            ])
        let refusal = try #require(throws: CommandFailed.self) { try shop.run("audit", "heads", "--against", heads) }
        #expect(refusal.output.contains("inventory: audit log: record 2 was changed"))
    }

    @Test func whatCannotBeAskedIsSaidInOneLine() throws {
        let shop = try Self.shop.get()
        func refusal(_ arguments: String...) throws -> String {
            try #require(throws: CommandFailed.self) { try shop.run(["audit"] + arguments) }.output
        }
        #expect(try refusal("list", "--service", "nowhere").contains("--service takes one of"))
        #expect(try refusal("list", "--limit", "0").contains("--limit takes a number from 1"))
        #expect(try refusal("export", "--since", "soon").contains("--since takes a time"))
        #expect(try refusal("heads", "--against", "/nonexistent").contains("/nonexistent: can't be read"))
        #expect(try refusal("heads", "--against", "/etc/hostname").contains("line 1 is no head of an audit log"))
    }

    private static func broken(_ shop: Shop, expecting status: Int32) throws -> [String] {
        try lines(shop.run(["status", "--verify", "--settle", "0s", "--json"], expecting: status))
            .filter { $0["finding"] as? String == "broken" }.compactMap { $0["detail"] as? String }
    }
}
