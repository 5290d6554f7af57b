import Foundation
import TestServers
import TestShop
import Testing

/// What README.md has a newcomer type, typed into a shell, command by command.
@Suite(.serialized, .servers) struct ReadmeTests {
    /// The commands of the blocks in the section `title`.
    private static func commands(in title: String) throws -> [String] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../README.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n## ").first { $0.hasPrefix(title + "\n") })
        let blocks = section.components(separatedBy: "```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        return blocks.flatMap { $0.replacingOccurrences(of: "\\\n", with: " ").components(separatedBy: "\n") }
            .filter { !$0.hasPrefix("#") && !$0.isEmpty }
    }

    @Test func theWalkEndsSound() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let walk = try Self.commands(in: "Try it")
        #expect(walk.count { $0.contains("-X POST") } >= 8, "the walk is found: \(walk)")
        var shell = Walk(shop: shop, api: up)
        try Self.walk(walk, by: &shell)
        // Of the other section's commands those that end by themselves and don't start servers.
        for command in try Self.commands(in: "Look after it")
        where command.hasPrefix("orderflow ") && !command.contains("--verify") {
            #expect(try shell.type(command), "\(command): \(shell.answer)")
        }
        do {
            try eventually(within: .seconds(60), "the shop verifies clean, with all orders at their end") {
                try shell.type("orderflow status --verify --settle 0s --json")
                    && shell.answer.contains(#""running":0,"#)
            }
        } catch {
            Issue.record("\(try shop.output("status", "--verify", "--settle", "0s"))")
            throw error
        }
        #expect(try up.terminate() == 0)
    }

    /// The same where everybody is asked who they are, with a key.
    @Test func theWalkWorksWithAKey() async throws {
        let shop = try Shop(settings: ["ORDERFLOW_AUTH_MODE": "required"])
        let key = try shop.run(
            "keys", "create", "--name", "me", "--by", "test", "--scope",
            "orders:write,orders:read,stock:read,users:write,reports:read")
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let walk = try Self.commands(in: "Try it")
        var shell = Walk(shop: shop, api: up, key: key.trimmingCharacters(in: .whitespacesAndNewlines))
        try Self.walk(walk, by: &shell)
        var stranger = Walk(shop: shop, api: up)
        let first = try #require(walk.first { $0.contains("-X POST") })
        #expect(try !stranger.type(first) && stranger.answer.contains("error: 401"), "\(stranger.answer)")
        #expect(try up.terminate() == 0)
    }

    private static func walk(_ commands: [String], by shell: inout Walk) throws {
        for command in commands {
            do {
                // What is asked for may be under way.
                try eventually(within: .seconds(60), "\(command) works") { try shell.type(command) }
            } catch {
                Issue.record("\(shell.answer)")
                throw error
            }
        }
    }

    /// A shell with the variables that the README uses.
    private struct Walk {
        let shop: Shop
        let api: Daemon
        /// What requests bring; empty for none.
        let key: String
        private(set) var answer = ""
        private var id = ""

        init(shop: Shop, api: Daemon, key: String = "") {
            self.shop = shop
            self.api = api
            self.key = key
        }

        /// Whether the command ended well. Streams are cut off after a moment.
        mutating func type(_ command: String) throws -> Bool {
            let words =
                command
                .replacingOccurrences(of: "http://localhost:3000", with: "http://127.0.0.1:\(api.port)")
                .replacingOccurrences(of: "$(cat var/kafka.address)", with: shop.broker.bootstrapServers)
                // A time since the order.
                .replacingOccurrences(of: "2026-01-31T12:00:00Z", with: "$(date -u +%FT%TZ)")
            let script = """
                J='Content-Type: application/json'
                ID='\(id)'
                KEY='\(key)'
                orderflow() { '\(Shop.program)' "$@"; }
                curl() {
                    local status=0 limit=8
                    [[ "$*" = *stream* ]] && limit=2
                    command curl -sS --fail-with-body --max-time $limit ${KEY:+-H "Authorization: Bearer $KEY"} "$@" || status=$?
                    [ $status = 28 ] && [[ $1 = -N ]] && status=0
                    return $status
                }
                \(words)
                """
            do {
                answer = try shop.shell(script)
            } catch let error as CommandFailed {
                answer = "\(error)"
                return false
            }
            if command.contains("-X POST"), let range = answer.firstRange(of: /"orderId":"([^"]+)"/) {
                id = String(answer[range].dropFirst(11).dropLast())
            }
            return true
        }
    }
}
