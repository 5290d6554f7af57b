import Execution
import Testing

@testable import Messaging

/// What a server's log says of rows that nobody told of.
@Suite struct WriteMarkTests {
    /// Who looks when the place has just moved may not see the rows yet whose commit it was.
    @Test func aPlaceCountsOnceItHasSettled() {
        let mark = WriteMark()
        let told = Monitor(0)
        mark.onNews { told.update { $0 += 1 } }
        let script: [(place: String?, isNews: Bool, isMove: Bool, isAtRest: Bool)] = [
            ("0/1", true, true, false), ("0/1", true, false, true), ("0/1", false, false, true),
            ("0/2", true, true, false), ("0/3", true, true, false), ("0/3", true, false, true),
            // Not known: anything may have been written.
            (nil, true, true, false), (nil, true, true, false), ("0/3", true, true, false), ("0/3", true, false, true),
        ]
        for (index, step) in script.enumerated() {
            let before = (news: mark.news, moves: mark.moves, told: told.withLock { $0 })
            mark.note(step.place)
            #expect(mark.news - before.news == (step.isNews ? 1 : 0), "\(index)")
            #expect(mark.moves - before.moves == (step.isMove ? 1 : 0), "\(index)")
            #expect(told.withLock { $0 } - before.told == (step.isNews ? 1 : 0), "\(index)")
            #expect(mark.isAtRest(since: mark.news) == step.isAtRest, "\(index)")
            if step.isNews { #expect(!mark.isAtRest(since: before.news), "\(index)") }
        }
    }
}
