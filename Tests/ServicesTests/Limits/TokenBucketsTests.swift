import Execution
import Synchronization
import Testing

@testable import OrderflowKit

@Suite struct TokenBucketsTests {
    private static let second: Int64 = 1_000_000_000

    @Test func aBurstIsGrantedAndThenTheRate() {
        let buckets = TokenBuckets(setsPerShard: 1)
        let quota = Quota(rate: 10, burst: 3)
        var now = Self.second
        let first = (0..<4).map { _ in buckets.take("a", quota, now: now) }
        #expect(first.map(\.isGranted) == [true, true, true, false])
        #expect(first.map(\.remaining) == [2, 1, 0, 0])
        #expect(first.allSatisfy { $0.wait == Self.second / 10 })
        // Another one has its own.
        #expect(buckets.take("b", quota, now: now).isGranted)
        // One is on its way back.
        #expect(buckets.take("b", quota, now: now + Self.second / 25).wait == Self.second * 3 / 50)
        // A refusal costs nothing: one comes back when it was due.
        now += Self.second / 10 - 1
        #expect(!buckets.take("a", quota, now: now).isGranted)
        now += 1
        #expect(buckets.take("a", quota, now: now).isGranted)
        #expect(!buckets.take("a", quota, now: now).isGranted)
        // And never more than the burst.
        now += 1000 * Self.second
        #expect((0..<4).map { _ in buckets.take("a", quota, now: now).isGranted } == [true, true, true, false])
    }

    /// Over any time, no more than the burst and the rate allow, and no less for one who always asks.
    @Test(arguments: [(1, 1), (3, 7), (1000, 1), (7, 1000), (Quota.largest, Quota.largest)])
    func noMoreThanTheQuota(rate: Int, burst: Int) {
        let buckets = TokenBuckets(setsPerShard: 1)
        let quota = Quota(rate: rate, burst: burst)
        let start: Int64 = 5 * Self.second
        let step: Int64 = 1_000_003
        let steps: Int64 = 5_000
        var granted = 0
        for turn in 0...steps where buckets.take("a", quota, now: start + turn * step).isGranted { granted += 1 }
        let most = min(Double(steps + 1), Double(burst) + Double(steps * step) / 1e9 * Double(rate))
        #expect(Double(granted) <= most + 1)
        #expect(Double(granted) >= min(Double(steps + 1), most * 0.9 - 1))
    }

    /// Under a flood of names memory stays what it is, and whoever is there keeps being held to a quota.
    @Test func aFloodOfNamesNeitherGrowsNorKeepsOthersOut() {
        let buckets = TokenBuckets(setsPerShard: 1)
        let quota = Quota(rate: 1, burst: 5)
        for name in 0..<20_000 { #expect(buckets.take(name, quota, now: Self.second).isGranted, "\(name)") }
        for _ in 0..<5 { #expect(buckets.take("new", quota, now: Self.second).isGranted) }
        #expect(!buckets.take("new", quota, now: Self.second).isGranted)
    }

    @Test func threadsTogetherAreGrantedTheQuotaOnce() {
        let buckets = TokenBuckets()
        let quota = Quota(rate: 1, burst: 1_000)
        let granted = Atomic(0)
        let threads = (0..<4).map { _ in
            DedicatedThread.start("taker") {
                for _ in 0..<1_000 where buckets.take("a", quota, now: Self.second).isGranted {
                    granted.add(1, ordering: .relaxed)
                }
            }
        }
        for thread in threads { #expect(thread.join(timeout: .seconds(30))) }
        #expect(granted.load(ordering: .relaxed) == 1_000)
    }
}
