import Kafka
import Testing

@testable import Messaging

/// Who reads for whom, by offsets alone.
@Suite struct SharedReadingTests {
    private let a = TopicPartition(topic: "t", partition: 0)
    private let b = TopicPartition(topic: "t", partition: 1)
    private let foreign = TopicPartition(topic: "other", partition: 0)
    private let reading = SharedReading(
        topics: ["t"], near: 100, wake: Array(repeating: {}, count: 3), rouse: Array(repeating: {}, count: 3))
    private let now = ContinuousClock.now

    /// All members have been told what they hold, and the leader where to start.
    private func begin(at rows: [[TopicPartition: Int64]]) -> [TopicPartition: Int64] {
        for follower in 0..<2 { _ = reading.heldBack(from: follower, [a, b, foreign]) }
        _ = reading.heldBackFromLeader([a, b])
        return reading.start([a, b], from: rows)
    }

    @Test func theyBeginTogether() {
        #expect(reading.heldBackFromLeader([a, b], at: now) == [a, b], "the others haven't been told yet")
        #expect(
            reading.heldBack(from: 0, [a, b, foreign], at: now) == [a, b], "what only it reads isn't the leader's")
        #expect(reading.heldBackFromLeader([a, b], at: now) == [a, b], "one is missing")
        #expect(reading.heldBack(from: 1, [a], at: now) == [a])
        #expect(reading.heldBackFromLeader([a, b], at: now) == [])
        // The one that is furthest behind says where to start.
        #expect(reading.start([a, b], from: [[a: 50, b: 7], [a: 30, b: 9], [a: 60]]) == [a: 30, b: 7])
        #expect(reading.joined(0) == [a, b] && reading.joined(1) == [a])
        let claim = reading.claim([a: 40, b: 10])
        #expect(claim.leader == [a: 50] && claim.followers == [[a: 30, b: 9], [a: 60]])
        #expect(reading.claim([a: 55]).leader == [a: 50], "the batch begins before the leader's own work")
        #expect(reading.claim([a: 70]).leader == [:])
    }

    @Test func nobodyWaitsForEver() {
        #expect(reading.heldBackFromLeader([a], at: now) == [a])
        #expect(reading.heldBackFromLeader([a], at: now + .seconds(4)) == [], "the others may never be told")
        #expect(reading.heldBack(from: 0, [a], at: now) == [a])
        #expect(reading.heldBack(from: 0, [a], at: now + .seconds(11)) == [], "the leader may not find its start")
    }

    @Test func aPartitionOfAnotherProcessesLeaderIsReadAlone() {
        _ = reading.heldBack(from: 1, [a, b])
        _ = reading.heldBackFromLeader([a])
        #expect(reading.heldBack(from: 0, [a, b]) == [a])
    }

    @Test func aFarOneReadsAloneUntilItIsNear() {
        #expect(begin(at: [[a: 1_000, b: 1_000], [a: 0, b: 1_050], [a: 1_101, b: 1_000]]) == [a: 1_000, b: 1_000])
        #expect(reading.joined(0) == [b] && reading.joined(1) == [b])
        #expect(reading.heldBack(from: 0, [a, b, foreign]) == [b])
        reading.startsAlone(0, from: [a: 0])
        #expect(reading.join(0) == [], "the leader has passed what comes next for it")
        reading.advanced(0, to: [a: 999])
        #expect(reading.join(0) == [])
        reading.advanced(0, to: [a: 1_101])
        #expect(reading.join(0) == [], "the leader is too far behind")
        _ = reading.claim([a: 1_001])
        #expect(reading.join(0) == [a])
        #expect(reading.claim([a: 1_200]).followers == [[a: 1_101], [:]])
        // Its own member is told, even if it has to go on by itself before it looks.
        reading.dismiss(0)
        #expect(reading.heldBack(from: 0, [a, b, foreign]) == [a])
        #expect(reading.heldBack(from: 0, [a, b, foreign]) == [])
        #expect(reading.alone(0, of: [a, b]) == [], "what it has fetched of them isn't what comes next")
        reading.startsAlone(0, from: [a: 1_101, b: 1_050])
        #expect(reading.alone(0, of: [a, b]) == [a, b])
        #expect(reading.join(0) == [], "it has been sent away")
        #expect(reading.join(0, at: .now + .seconds(6)) == [b], "the leader has passed the other one's place")
    }

    @Test func whatGoesIsReadForNobody() {
        _ = begin(at: [[:], [:], [:]])
        #expect(reading.joined(0) == [a, b] && reading.joined(1) == [a, b])
        reading.revoked([a], from: 1)
        #expect(reading.joined(0) == [], "it sees to the others itself")
        #expect(reading.joined(1) == [a, b])
        reading.revoked([b], from: 0)
        #expect(reading.joined(1) == [])
        reading.ended(0)
        #expect(reading.heldBack(from: 1, [a, b]) == [])
    }

    /// Nothing behind what a worker has in hand is taken for done.
    @Test func aBusyFollowerIsWaitedFor() {
        _ = begin(at: [[:], [:], [:]])
        let records = HandedRecords(records: [], ends: [a: 10])
        #expect(reading.hand(records, to: 0, since: 0, patience: .zero))
        #expect(!reading.hand(records, to: 0, since: 0, patience: .zero))
        #expect(reading.busy == [true, false])
        #expect(!reading.tell(0, FollowerNews(passed: [a: 20]), since: 0))
        #expect(reading.takeHanded(to: 0)?.ends == [a: 10] && reading.takeHanded(to: 0) == nil)
        reading.finishHanded(to: 0)
        #expect(reading.tell(0, FollowerNews(passed: [a: 20]), since: 0))
        #expect(reading.takeNews(of: 0) == FollowerNews(stored: [a: 0, b: 0], passed: [a: 20]))
        // What was read for it before it left is none of its business.
        reading.ended(1)
        #expect(!reading.tell(0, FollowerNews(passed: [a: 30]), since: 0))
        #expect(!reading.hand(records, to: 0, since: 0, patience: .zero))
    }
}
