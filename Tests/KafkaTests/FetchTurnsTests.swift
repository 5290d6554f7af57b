import Testing

@testable import Kafka

/// Who is passed over, by where partitions stand.
@Suite struct FetchTurnsTests {
    private let a = TopicPartition(topic: "t", partition: 0)
    private let b = TopicPartition(topic: "t", partition: 1)
    private let c = TopicPartition(topic: "t", partition: 2)
    private let patience = FetchTurns.patience

    @Test func whoHoldsRecordsAndGetsNoneIsPassedOver() {
        var turns = FetchTurns()
        func look(_ next: [TopicPartition: Int64], holding: Set<TopicPartition>) -> Set<TopicPartition> {
            turns.passedOver(next) { partition, _ in holding.contains(partition) }
        }
        #expect(look([a: 0, b: 7, c: 0], holding: [a, b]).isEmpty)
        #expect(look([a: patience - 1, b: 7, c: 0], holding: [a, b]).isEmpty)
        #expect(look([a: patience, b: 7, c: 0], holding: [a, b]) == [b], "c has no records")
        #expect(look([a: patience, b: 8, c: 0], holding: [a, b]).isEmpty, "it has got one")
        #expect(look([a: 2 * patience, b: 8, c: 0], holding: [a, b, c]) == [b])
        // Its records have just come: what others had before is no matter.
        #expect(look([a: 3 * patience - 2, b: 9, c: 0], holding: [a, b, c]).isEmpty)
        #expect(look([a: 3 * patience, b: 10, c: 0], holding: [a, b, c]) == [c])
        turns.end(from: [c: 0], at: [a: 3 * patience, b: 10, c: 1])
        #expect(look([a: 3 * patience, b: 10, c: 1], holding: [a, b, c]).isEmpty, "all count anew")
        #expect(look([a: 4 * patience, b: 10, c: 1], holding: [a, b, c]) == [b, c])
    }

    /// What ends in the mark of a transaction seems to hold one more for ever.
    @Test func turnsInVainComeEverMoreSeldom() {
        var turns = FetchTurns()
        var (read, next) = (Int64(0), Int64(7))
        /// Records of a until b has its turn.
        func untilItsTurn() -> Int64 {
            let start = read
            while turns.passedOver([a: read, b: next], holdsMore: { _, _ in true }).isEmpty { read += patience / 4 }
            turns.end(from: [b: 7], at: [a: read, b: next])
            return read - start
        }
        for round in 0..<4 { #expect(untilItsTurn() == patience << round) }
        next = 8
        #expect(untilItsTurn() == patience << 4)
        #expect(untilItsTurn() == patience, "it has moved")
        #expect(untilItsTurn() == patience)
        next = 7
        for round in 0..<3 { #expect(untilItsTurn() == patience << round) }
        next = 9
        _ = turns.passedOver([a: read, b: next]) { _, _ in true }
        next = 7
        #expect(untilItsTurn() == patience, "it has moved by itself")
    }

    @Test func otherPartitionsAreABeginning() {
        var turns = FetchTurns()
        func look(_ next: [TopicPartition: Int64]) -> Set<TopicPartition> { turns.passedOver(next) { _, _ in true } }
        #expect(look([a: 0, b: 0]).isEmpty)
        #expect(look([a: 0, b: 0, c: 10 * patience]).isEmpty, "c came with what it had")
        #expect(look([a: patience, b: 0, c: 10 * patience]) == [b, c])
        #expect(look([a: patience, b: 0]).isEmpty)
    }
}
