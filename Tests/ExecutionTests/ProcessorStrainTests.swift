import Testing

@testable import Execution

@Suite struct ProcessorStrainTests {
    private let start = ContinuousClock.now

    /// Looks every 300 ms at a thread that runs for `ran` ms and waits `ratio` times as long.
    private func strain(_ ratios: [Int64], ran: Int64 = 10) -> [Double] {
        var (strain, times) = (ProcessorStrain(), (ran: Int64(0), waited: Int64(0)))
        return ratios.enumerated().map { number, ratio in
            strain.look(
                ProcessorTimes(ran: .milliseconds(times.ran), waited: .milliseconds(times.waited)),
                at: start + .milliseconds(300 * number))
            times = (times.ran + ran, times.waited + ran * ratio)
            return strain.factor
        }
    }

    @Test func whoHardlyWaitsIsNotStrained() {
        #expect(strain([0, 1, 2, 3, 3, 3, 3, 3]) == Array(repeating: 1, count: 8))
    }

    @Test func ticksGrowWithWaitsUpToABoundAndShrinkAgain() {
        let grown = strain(Array(repeating: 5, count: 12))
        #expect(grown == grown.sorted() && abs((grown.last ?? 0) - 2) < 0.01)
        #expect(strain(Array(repeating: 1_000, count: 12)).last == ProcessorStrain.most)
        let shrunk = strain(Array(repeating: 10, count: 8) + Array(repeating: 0, count: 8))
        #expect(shrunk.last == 1)
    }

    /// What a thread that has hardly run tells is chance.
    @Test func littleEvidenceCountsForNothing() {
        var strain = ProcessorStrain()
        for number in 0..<4 {
            let waited = Duration.milliseconds(50 * number)
            strain.look(
                ProcessorTimes(ran: .microseconds(100 * number), waited: waited),
                at: start + .milliseconds(300 * number))
        }
        #expect(strain.factor == 1)
    }

    @Test func whatWasLongAgoIsForgotten() {
        var strain = ProcessorStrain()
        for number in 0..<8 {
            strain.look(
                ProcessorTimes(ran: .milliseconds(10 * number), waited: .milliseconds(200 * number)),
                at: start + .milliseconds(300 * number))
        }
        #expect(strain.factor > 2)
        strain.look(ProcessorTimes(ran: .milliseconds(80), waited: .milliseconds(1_600)), at: start + .seconds(60))
        #expect(strain.factor == 1)
    }

    /// Where the kernel doesn't tell.
    @Test func withoutTimesThereIsNoStrain() {
        var strain = ProcessorStrain()
        for number in 0..<4 { strain.look(nil, at: start + .seconds(number)) }
        #expect(strain.factor == 1)
    }

    @Test func theKernelsWordsAreRead() throws {
        #expect(
            ProcessorTimes(schedstat: Array("1500000 2000 17\n".utf8))
                == ProcessorTimes(ran: .microseconds(1_500), waited: .microseconds(2)))
        for text in ["", "17", "x 2 3\n", "-1 2 3\n", "99999999999999999999 2 3\n"] {
            #expect(ProcessorTimes(schedstat: Array(text.utf8)) == nil)
        }
        guard let before = ProcessorTimes.ofThisThread() else { return }
        // To ask is to run.
        while ProcessorTimes.ofThisThread() == before {}
        #expect(try #require(ProcessorTimes.ofThisThread()).ran > before.ran)
    }
}
