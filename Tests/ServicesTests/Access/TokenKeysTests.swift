import Execution
import Foundation
import TestServers
import TestTokens
import Testing

@testable import HTTPServer
@testable import OrderflowKit
@testable import WebTokens

/// An identity provider that changes its keys, goes away and comes back.
@Suite(.blocking) struct TokenKeysTests {
    private let old = TestIssuer("old", seed: 1)
    private let new = TestIssuer("new", seed: 2)

    /// What the provider answers; nil is an error.
    private final class Provider: Sendable {
        let keySet: Monitor<String?>
        let asked = Monitor(0)

        init(_ keySet: String?) { self.keySet = Monitor(keySet) }

        var router: Router {
            Router(
                RouteGroup {
                    Endpoint(.get, "/jwks") { [self] _, responder in
                        asked.withLock { $0 += 1 }
                        responder.send(
                            keySet.withLock { $0 }.map { .json(.ok, Array($0.utf8)) } ?? HTTPResponse(.badGateway))
                    }
                })
        }
    }

    private func holds(_ keys: TokenKeys, _ id: String) -> Bool {
        ((try? keys.current())?.keys.entries.contains { $0.id == id }) ?? false
    }

    @Test func anUnknownKeyIsLookedForAndKnownOnesOutliveTheProvider() async throws {
        let provider = Provider(nil)
        try await serving(provider.router, with: []) { port in
            let keys = try TokenKeys(
                .url("http://127.0.0.1:\(port)/jwks"), wantedInterval: .milliseconds(1), logger: quiet)
            #expect(throws: IdentityRefusal.tokenKeysAway) { try keys.current() }
            #expect(!keys.health.isReady)
            let stop = StopSignal()
            let thread = DedicatedThread.start("keys") { keys.run(until: stop) }
            provider.keySet.withLock { $0 = old.keySet() }
            try eventually("the provider's keys are known") { keys.health == .ready && holds(keys, "old") }
            let epoch = keys.epoch

            provider.keySet.withLock { $0 = new.keySet(and: old) }
            #expect(keys.unknownKey() == .token(.unknownKey))
            try eventually("the new key is known") { holds(keys, "new") && holds(keys, "old") }
            #expect(keys.epoch > epoch)

            provider.keySet.withLock { $0 = nil }
            _ = keys.unknownKey()
            try eventually("the provider's absence is told") { keys.health != .ready }
            #expect(keys.health.isReady && holds(keys, "new"))
            // Whether it is a key of the provider can't be told now.
            #expect(keys.unknownKey() == .tokenKeysAway)

            provider.keySet.withLock { $0 = new.keySet() }
            try eventually("a key that is withdrawn isn't known any more") {
                !holds(keys, "old") && keys.health == .ready
            }
            stop.stop()
            thread.join()
        }
    }

    /// Tokens with made-up keys don't make a stampede of looks.
    @Test func looksForUnknownKeysAreFarApart() async throws {
        let provider = Provider(old.keySet())
        try await serving(provider.router, with: []) { port in
            let keys = try TokenKeys(
                .url("http://127.0.0.1:\(port)/jwks"), wantedInterval: .seconds(600), logger: quiet)
            let stop = StopSignal()
            let thread = DedicatedThread.start("keys") { keys.run(until: stop) }
            try eventually("the keys are known") { holds(keys, "old") }
            for _ in 0..<1000 { #expect(keys.unknownKey() == .token(.unknownKey)) }
            stop.stop()
            thread.join()
            #expect(provider.asked.withLock { $0 } == 1)
        }
    }

    @Test func aFileThatIsNoKeySetIsAMistakeOfTheConfiguration() throws {
        let file = NSTemporaryDirectory() + "/jwks-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect(throws: (any Error).self) { try TokenKeys(.file(file), logger: quiet) }
        try #"{"keys":[]}"#.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(throws: (any Error).self) { try TokenKeys(.file(file), logger: quiet) }
        try old.keySet().write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try TokenKeys(.file(file), logger: quiet).current().keys.count == 1)
    }

    /// What was checked by a key that is gone is checked again.
    @Test func aWithdrawnKeysTokensEndWithIt() async throws {
        let provider = Provider(old.keySet())
        try await serving(provider.router, with: []) { port in
            let keys = try TokenKeys(
                .url("http://127.0.0.1:\(port)/jwks"), wantedInterval: .milliseconds(1), logger: quiet)
            let check = TokenCheck(
                TokenRules(issuer: TestIssuer.name, audience: TestIssuer.audience, tenantClaim: nil, clockSkew: 0),
                keys: keys)
            let stop = StopSignal()
            let thread = DedicatedThread.start("keys") { keys.run(until: stop) }
            try eventually("the keys are known") { holds(keys, "old") }
            let now = WallClock.nowMicroseconds() / 1_000_000
            let token = Array(old.token(at: now).utf8)
            func outcome(at now: Int64) -> IdentityRefusal? {
                token.withUnsafeBytes { bytes in
                    do throws(IdentityRefusal) {
                        _ = try check.principal(of: bytes, .init(of: bytes), at: now)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            #expect(outcome(at: now) == nil)
            #expect(outcome(at: now) == nil)
            #expect(outcome(at: now + 300) == .token(.expired))
            provider.keySet.withLock { $0 = new.keySet() }
            _ = keys.unknownKey()
            try eventually("the key is gone") { !holds(keys, "old") }
            #expect(outcome(at: now) == .token(.unknownKey))
            stop.stop()
            thread.join()
        }
    }
}
