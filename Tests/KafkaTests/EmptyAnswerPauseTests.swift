import Testing

@testable import Kafka

/// When a consumer pauses behind answers of a broker that doesn't hold empty ones back.
@Suite struct EmptyAnswerPauseTests {
    @Test func emptyAnswersThatComeAtOncePauseLongerAndLonger() {
        var pause = EmptyAnswerPause()
        let lengths = (0..<6).map { _ in pause.length(behind: 100, roundTrip: 200, partitions: 3) }
        #expect(lengths == [1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
    }

    @Test(
        arguments: [
            // Held back by the broker, as Kafka does; just not long enough.
            (100, 50_000, 3, false), (100, 49_999, 3, true),
            // Room for an empty answer of each partition, and one more.
            (239, 200, 3, true), (240, 200, 3, false), (59, 200, 0, true), (60, 200, 0, false),
        ] as [(Int, Int64, Int, Bool)])
    func othersDoNot(_ size: Int, _ roundTrip: Int64, _ partitions: Int, _ pauses: Bool) {
        var pause = EmptyAnswerPause()
        let length = pause.length(behind: size, roundTrip: roundTrip, partitions: partitions)
        #expect((length != nil) == pauses)
    }

    @Test func recordsBeginAnew() {
        var pause = EmptyAnswerPause()
        for _ in 0..<5 { _ = pause.length(behind: 0, roundTrip: 0, partitions: 1) }
        let lengths = [
            pause.length(behind: 5_000, roundTrip: 200, partitions: 1),
            pause.length(behind: 0, roundTrip: 0, partitions: 1),
        ]
        #expect(lengths == [nil, EmptyAnswerPause.first])
    }
}
