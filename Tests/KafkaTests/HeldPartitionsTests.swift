import Testing

@testable import Kafka

/// What a member holds as partitions come and go.
@Suite struct HeldPartitionsTests {
    private let a = TopicPartition(topic: "t", partition: 0)
    private let b = TopicPartition(topic: "t", partition: 1)

    @Test func partitionsWithoutAStartWait() {
        var held = HeldPartitions()
        #expect(!held.isKnown)
        held.assign([a, b], from: [a: 5])
        #expect(held.isKnown && held.all == [a, b] && held.waiting == [b] && held.started == [a])
        held.start([b: 0])
        #expect(held.waiting == [] && held.started == [a, b])
        #expect(held.summary.rebalances == 1)
    }

    @Test func whatGoesIsTakenOnceAndSaysWhetherItIsPaused() {
        var held = HeldPartitions()
        held.assign([a, b], from: [a: 0])
        let flowing = held.revoke([a])
        #expect(flowing == [], "it was fetched from")
        let taken = [held.takeRevoked(), held.takeRevoked()]
        #expect(taken == [[a], []])
        let waiting = held.revoke([b])
        #expect(waiting == [b], "it waited")
        #expect(held.all == [] && held.summary.rebalances == 3)

        held.assign([a, b], from: [a: 0, b: 0])
        held.isPaused = true
        let paused = held.revoke([a])
        #expect(paused == [a], "the buffer was full")
        #expect(held.isPaused)
        let last = held.revoke([b])
        #expect(last == [b])
        #expect(!held.isPaused, "nothing is left to be paused")

        held.assign([a, b], from: [a: 0, b: 0])
        held.aside = [a]
        let aside = held.revoke([a, b])
        #expect(aside == [a], "b had its turn")
        #expect(held.aside == [])
    }
}
