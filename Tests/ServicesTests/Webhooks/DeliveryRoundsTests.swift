import Execution
import Hashing
import JSON
import Messaging
import OrderFacts
import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Webhooks

/// What is posted, in which order, and how it is tried: on a clock that stands until it is moved.
@Suite(.blocking, .servers) struct DeliveryRoundsTests {
    private let shop: WebhookFixture

    init() throws { shop = try WebhookFixture() }

    /// The order and the fact that a request tells of.
    private func told(_ request: DeliveryRequest) throws -> String {
        let body = try JSONValue(parsing: request.body)
        return "\(body["subject"]?.string ?? "") \(body["id"]?.string ?? "")"
    }

    @Test func anOrdersFactsFollowEachOtherAndOthersDoNotWait() throws {
        try shop.endpoint("a")
        try shop.hear(["o1", "o1", "o2", "o1", "o2"])
        let rounds = shop.rounds()
        // Of one that nobody knows yet a single one, then as many at once as there are orders.
        try shop.round(rounds)
        #expect(try shop.sender.sent.map(told) == ["o1 1"])
        shop.sender.end { _ in .accepted }
        try shop.round(rounds)
        #expect(try shop.sender.sent.map(told) == ["o1 1", "o1 2", "o2 3"])
        // While o1's second hangs, its third waits, and o2 goes on.
        shop.sender.end { request in (try? told(request)) == "o2 3" ? .accepted : nil }
        try shop.round(rounds)
        #expect(try shop.sender.sent.map(told).last == "o2 5" && shop.sender.sent.count == 4)
        try shop.run(rounds) { _ in .accepted }
        #expect(try shop.sender.sent.map(told) == ["o1 1", "o1 2", "o2 3", "o2 5", "o1 4"])
        #expect(try shop.found("a").pending == 0)
        #expect(try shop.flaws() == [])
    }

    /// A second process sends nothing that the first one holds, and takes over when that is silent for too long; what the
    /// first one has in hand then is a copy, and no order is broken.
    @Test func endpointsAreOneProcesss() throws {
        try shop.endpoint("a")
        try shop.hear(["o1", "o1"])
        let (first, second) = (shop.rounds("first"), shop.rounds("second"))
        try shop.round(first)
        try shop.round(second)
        #expect(shop.sender.sent.count == 1)
        shop.pass(.seconds(20))
        try shop.round(second)
        #expect(try shop.sender.sent.map(told) == ["o1 1", "o1 1"])
        #expect(Set(shop.sender.sent.map { $0.header("webhook-id") }).count == 1)
        try shop.run(second) { $0.header("webhook-timestamp") == "\(shop.now / 1_000_000)" ? .accepted : nil }
        #expect(try shop.sender.sent.map(told) == ["o1 1", "o1 1", "o1 2"])
        #expect(try shop.flaws() == [])
    }

    /// 100 of 1 000 never answer. The others get all of theirs in as few rounds as without them, and the dead hold no
    /// more than their slots.
    @Test func theDeadDoNotSlowTheOthers() throws {
        try shop.endpoints((0..<1_000).map { "\($0 % 10 == 0 ? "dead" : "live")-\($0)" })
        let rounds = shop.rounds { $0.sends = 512 }
        func answer(_ request: DeliveryRequest) -> HeldSender.End? {
            request.endpoint.hasPrefix("dead") ? nil : .accepted
        }
        func deadHeld() -> Int { shop.sender.held.count { $0.endpoint.hasPrefix("dead") } }
        func isLive(_ request: DeliveryRequest) -> Bool { request.endpoint.hasPrefix("live") }
        try shop.hear(["o1"])
        try shop.run(rounds, answer)
        // One slot each, of 512, while nothing is known of them.
        #expect(shop.sender.sent.count { isLive($0) } == 900 && deadHeld() == 100)
        // They time out three times, and their circuits are open.
        for _ in 1...3 {
            shop.pass(.seconds(60))
            shop.sender.end { $0.endpoint.hasPrefix("dead") ? .timedOut : .accepted }
            try shop.run(rounds, answer)
            #expect(deadHeld() <= 64)
        }
        let tries = shop.sender.sent.count - 900
        let before = shop.sender.sent.count
        try shop.hear((1...4).map { "p\($0)" })
        var needed = 0
        while shop.sender.sent[before...].count(where: isLive) < 3_600, needed < 20 {
            try shop.round(rounds)
            shop.sender.end(answer)
            needed += 1
            #expect(deadHeld() <= 64)
        }
        #expect(shop.sender.sent[before...].count(where: isLive) == 3_600)
        // 3 600 posts in 448 slots at least: nine rounds, and the ends of two sets of endpoints.
        #expect(needed <= 12, "\(needed)")
        // None of the dead is tried more often than its pauses let it: four times in three minutes.
        #expect(tries <= 400, "\(tries)")
        #expect(try shop.connection.number("SELECT max(tries) FROM deliveries WHERE state = 'pending'") <= 4)
        #expect(try shop.flaws() == [])
    }

    @Test func failuresAreTriedLaterAndLater() throws {
        try shop.endpoint("a")
        try shop.hear(["o1"])
        let rounds = shop.rounds()
        var pauses: [Duration] = []
        for _ in 1...6 {
            let tries = shop.sender.sent.count
            var waited = Duration.zero
            while shop.sender.sent.count == tries {
                try shop.run(rounds) { _ in .status(500) }
                guard shop.sender.sent.count == tries else { break }
                shop.pass(.seconds(1))
                waited += .seconds(1)
            }
            pauses.append(waited)
        }
        // 5 s, 10 s, 20 s …, of each a half to the whole, and what a look every second adds.
        let bounds: [ClosedRange<Int>] = [0...0, 2...6, 5...11, 10...21, 20...41, 40...81]
        for (pause, bound) in zip(pauses, bounds) {
            #expect(bound.contains(Int(pause.components.seconds)), "\(pauses)")
        }
        let endpoint = try shop.found("a")
        #expect(endpoint.failures == 6 && endpoint.lastStatus == 500 && endpoint.state == .active)
        let entry = try #require(
            try DeliveryList.page(
                of: endpoint.number, tenant: "default", state: .pending, before: nil, limit: 5, on: shop.connection
            ).first)
        #expect(entry.tries == 6 && entry.lastStatus == 500 && entry.lastError == "answered 500")
    }

    @Test func retryAfterIsHonouredWithinBounds() throws {
        try shop.endpoint("a")
        try shop.hear(["o1", "o2"])
        let rounds = shop.rounds()
        try shop.run(rounds) { _ in .status(429, retryAfter: .seconds(600)) }
        #expect(shop.sender.sent.count == 1)
        for _ in 1...9 {
            shop.pass(.seconds(60))
            try shop.run(rounds) { _ in .accepted }
        }
        #expect(shop.sender.sent.count == 1)
        shop.pass(.seconds(61))
        try shop.run(rounds) { _ in .status(503, retryAfter: .seconds(1_000_000_000)) }
        #expect(shop.sender.sent.count == 2)
        // Nobody puts us off for longer than an hour.
        shop.pass(.seconds(3_601))
        try shop.run(rounds) { _ in .accepted }
        #expect(try shop.found("a").pending == 0)
    }

    @Test func goneSuspendsAtOnceAndAResumeGoesOn() throws {
        try shop.endpoint("a")
        try shop.hear(["o1", "o1", "o2"])
        let rounds = shop.rounds()
        try shop.run(rounds) { _ in .status(410) }
        #expect(shop.sender.sent.count == 1)
        #expect(try shop.found("a").state == .suspended && shop.found("a").reason == "the receiver answered 410 Gone")
        // What happens meanwhile is kept.
        try shop.hear(["o2"])
        shop.pass(.seconds(7_200))
        try shop.run(rounds) { _ in .accepted }
        #expect(try shop.sender.sent.count == 1 && shop.found("a").pending == 4)
        _ = try EndpointStore.resume("a", tenant: "default", by: .test, on: shop.connection)
        try shop.run(rounds) { _ in .accepted }
        #expect(try shop.sender.sent.map(told) == ["o1 1", "o1 1", "o1 2", "o2 3", "o2 4"])
        #expect(try shop.flaws() == [])
    }

    @Test func whatIsNeverAcceptedSuspendsAfterThreeDays() throws {
        try shop.endpoint("a")
        try shop.hear(["o1"])
        let rounds = shop.rounds()
        var days = 0.0
        while try shop.found("a").state == .active, days < 5 {
            try shop.run(rounds) { _ in .timedOut }
            shop.pass(.seconds(1_200))
            days += 1_200 / 86_400
        }
        #expect(days > 2.9 && days < 3.2, "\(days)")
        #expect(try shop.found("a").reason?.contains("not accepted for 72 hours") == true)
        #expect(try shop.found("a").pending == 1)
    }

    /// One fact that a receiver can't digest holds up its own order alone.
    @Test func oneOrderThatIsRefusedDoesNotStopTheOthers() throws {
        try shop.endpoint("a")
        let rounds = shop.rounds()
        try shop.hear(["bad", "bad"] + (1...20).map { "o\($0)" })
        for _ in 1...5 {
            try shop.run(rounds) { ((try? told($0)) ?? "").hasPrefix("bad") ? .status(500) : .accepted }
            shop.pass(.seconds(1))
        }
        #expect(try shop.found("a").pending == 2)
        #expect(try shop.sender.sent.filter { try told($0).hasPrefix("bad") }.allSatisfy { try told($0) == "bad 1" })
    }

    @Test func bothSecretsSignDuringARotation() throws {
        try shop.endpoint("a")
        let (old, new) = (WebhookSecret.random(), WebhookSecret.random())
        func rotate(to secret: WebhookSecret) throws {
            let sealed = try shop.vault.seal(secret, tenant: "default", endpoint: "a")
            _ = try EndpointStore.rotate(
                "a", tenant: "default", to: sealed, window: .seconds(3_600), by: .test, on: shop.connection)
        }
        try rotate(to: old)
        try rotate(to: new)
        let rounds = shop.rounds()
        for (passed, secrets) in [(Duration.zero, [new, old]), (.seconds(3_700), [new])] {
            shop.pass(passed)
            try shop.hear(["o1"])
            try shop.run(rounds) { _ in .accepted }
            let request = try #require(shop.sender.sent.last)
            let id = try #require(request.header("webhook-id"))
            let timestamp = try #require(request.header("webhook-timestamp").flatMap { Int64($0) })
            #expect(timestamp == shop.now / 1_000_000)
            #expect(
                request.header("webhook-signature")
                    == WebhookSignature.value(id: id, timestamp: timestamp, body: request.body, secrets: secrets))
        }
        // In the database nobody reads them.
        let sealed = try shop.connection.query("SELECT secret FROM endpoints").one().get(0, as: [UInt8].self)
        #expect(shop.vault.open(sealed, tenant: "default", endpoint: "b") == nil)
        #expect(shop.vault.open(sealed, tenant: "default", endpoint: "a") == new)
    }
}
