import Randomness
import Testing

@testable import Messaging

@Suite struct FairQueueTests {
    private struct Item: Equatable {
        let tenant: String
        let number: Int
    }

    @Test func oneTenantIsServedInOrderByWholeBatches() {
        var queue = FairQueue<Int>(limit: 1000)
        for number in 0..<700 { #expect(queue.append(number, of: "a") == true) }
        #expect(queue.take(512) == Array(0..<512))
        #expect(queue.take(512) == Array(512..<700))
        #expect(queue.isEmpty)
        #expect(queue.take(512) == [])
    }

    @Test func whoHasLittleWaitingIsInTheNextBatch() {
        var queue = FairQueue<Item>(limit: 8192)
        for number in 0..<5000 { #expect(queue.append(Item(tenant: "flood", number: number), of: "flood") == true) }
        for tenant in 0..<10 { #expect(queue.append(Item(tenant: "\(tenant)", number: 0), of: "\(tenant)") == true) }
        let batch = queue.take(512)
        for tenant in 0..<10 { #expect(batch.contains(Item(tenant: "\(tenant)", number: 0))) }
        #expect(batch.count(where: { $0.tenant == "flood" }) == 512 / 11)
    }

    @Test func weightsAreSharesOfABatch() {
        var queue = FairQueue<Item>(limit: 100_000, weights: ["big": 3])
        for tenant in ["big", "small"] {
            for number in 0..<2000 { #expect(queue.append(Item(tenant: tenant, number: number), of: tenant) == true) }
        }
        let batch = queue.take(512)
        #expect(batch.count(where: { $0.tenant == "big" }) == 384)
        #expect(batch.count(where: { $0.tenant == "small" }) == 128)
    }

    /// However much one sends, another finds room; and all together are bounded.
    @Test func aFloodLeavesRoomForOthers() {
        var queue = FairQueue<Int>(limit: 900)
        var accepted = 0
        while queue.append(accepted, of: "flood") { accepted += 1 }
        #expect(accepted == 800)
        #expect(queue.append(0, of: "other") == true)
        #expect(queue.append(0, of: "flood") == false)
        for tenant in 0..<2000 { _ = queue.append(0, of: "t\(tenant)") }
        #expect(queue.count == 900)
        #expect(queue.append(0, of: "late") == false)
    }

    /// Express ones go first, but for a quarter of the places, and are refused no sooner for what else waits.
    @Test func expressGoesAheadWithinItsTenant() {
        var queue = FairQueue<Item>(limit: 900)
        while queue.append(Item(tenant: "a", number: 0), of: "a") {}
        #expect(queue.append(Item(tenant: "b", number: 0), of: "b") == true)
        for number in 1...30 {
            #expect(queue.append(Item(tenant: "a", number: number), of: "a", isExpress: true) == true)
        }
        let first = queue.take(100)
        // Two tenants: 50 places each, of which a quarter are for those that aren't express.
        #expect(first.filter { $0.tenant == "a" }.prefix(30).map(\.number) == Array(1...30))
        #expect(first.contains(Item(tenant: "b", number: 0)))
        // A queue that is full of others has room for some.
        for tenant in 0..<2000 { _ = queue.append(Item(tenant: "t", number: 0), of: "t\(tenant)") }
        #expect(queue.append(Item(tenant: "late", number: 0), of: "late") == false)
        #expect(queue.append(Item(tenant: "late", number: 1), of: "late", isExpress: true) == true)
        var flooded = FairQueue<Item>(limit: 900)
        for number in 0..<400 {
            #expect(flooded.append(Item(tenant: "a", number: number), of: "a", isExpress: true) == true)
        }
        for number in 1000..<1400 { #expect(flooded.append(Item(tenant: "a", number: number), of: "a") == true) }
        let mixed = flooded.take(100).map(\.number)
        #expect(mixed == Array(0..<75) + Array(1000..<1025))
        var count = 100
        while !flooded.isEmpty { count += flooded.take(100).count }
        #expect(count == 800)
    }

    /// Against a plain model: nothing lost, nothing doubled, in order for each tenant, no batch over its limit, and
    /// nobody who waits is passed over twice.
    @Test func randomSchedulesKeepTheOrderOfEachTenant() {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(50) {
            let tenants = (0..<Int.random(in: 1...8, using: &random)).map { "t\($0)" }
            let weights = Dictionary(uniqueKeysWithValues: tenants.map { ($0, Int.random(in: 1...5, using: &random)) })
            var queue = FairQueue<Item>(limit: 300, weights: weights)
            var model: [String: [Int]] = [:]
            var next = 0
            var passedOver: [String: Int] = [:]
            for _ in 0..<400 {
                if Bool.random(using: &random) {
                    let tenant = tenants[Int.random(in: 0..<tenants.count, using: &random)]
                    for _ in 0..<Int.random(in: 1...40, using: &random) {
                        if queue.append(Item(tenant: tenant, number: next), of: tenant) {
                            model[tenant, default: []].append(next)
                        }
                        next += 1
                    }
                } else {
                    let limit = Int.random(in: 64...128, using: &random)
                    let before = model
                    let batch = queue.take(limit)
                    #expect(batch.count <= limit)
                    for item in batch { #expect(model[item.tenant]?.removeFirst() == item.number) }
                    for tenant in tenants where before[tenant]?.isEmpty == false {
                        let times = batch.contains { $0.tenant == tenant } ? 0 : passedOver[tenant, default: 0] + 1
                        #expect(times < tenants.count)
                        passedOver[tenant] = times
                    }
                }
                #expect(queue.count == model.values.reduce(0) { $0 + $1.count })
                #expect(queue.count <= 300)
            }
        }
    }
}

/// What comes in bulk doesn't hold up the rest of its tenant, and isn't held up by it for ever.
@Suite struct FairQueueBulkTests {
    @Test func bulkComesAfterTheRestOfItsTenant() {
        var queue = FairQueue<Int>(limit: 1000)
        for number in 0..<200 { #expect(queue.append(inBulk: number, of: "a") == true) }
        for number in 1000..<1100 { #expect(queue.append(number, of: "a") == true) }
        #expect(queue.take(128) == Array(1000..<1096) + Array(0..<32))
        #expect(queue.take(128) == Array(1096..<1100) + Array(32..<156))
        #expect(queue.take(128) == Array(156..<200))
        #expect(queue.isEmpty && queue.bulkCount == 0)
    }

    @Test func bulkHasAPartOfTheQueue() {
        var queue = FairQueue<Int>(limit: 1600)
        var accepted = 0
        while queue.append(inBulk: accepted, of: "a") { accepted += 1 }
        // A quarter, less what is kept for other tenants.
        #expect(accepted > 300 && accepted < 400 && queue.bulkCount == accepted)
        #expect(queue.append(inBulk: 0, of: "b") == true)
        for number in 0..<1000 { #expect(queue.append(number, of: "a") == true) }
        #expect(queue.take(1600).count + queue.take(1600).count == accepted + 1001)
        #expect(queue.append(inBulk: 0, of: "a") == true)
    }

    @Test func tenantsShareByAllThatTheyHave() {
        var queue = FairQueue<Int>(limit: 8000)
        for number in 0..<1000 { _ = queue.append(inBulk: number, of: "bulk") }
        for number in 0..<1000 { _ = queue.append(10_000 + number, of: "single") }
        let batch = queue.take(512)
        #expect(batch.count(where: { $0 < 10_000 }) == 256 && batch.count == 512)
    }
}
