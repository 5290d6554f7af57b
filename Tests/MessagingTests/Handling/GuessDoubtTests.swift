import Testing

@testable import Messaging

@Suite struct GuessDoubtTests {
    /// Behind a batch that was rolled back one takes nothing for granted; behind guesses that are wrong one after the other
    /// ever more, so that reading a topic once more from its beginning isn't done twice.
    @Test func doubtsGrow() {
        var doubt = GuessDoubt(connection: 1)
        #expect(!doubt.isOn && !doubt.isNeeded)
        for span in [1, 2, 4, 8, 16, 32, 64, 64] {
            doubt.note(isCommitted: false)
            for _ in 0..<span {
                #expect(doubt.isOn)
                // Whatever else fails.
                doubt.note(isCommitted: false)
                doubt.note(isCommitted: true)
            }
            #expect(!doubt.isOn && doubt.isNeeded)
        }
        doubt.note(isCommitted: true)
        #expect(!doubt.isNeeded, "a guess was right")
        doubt.note(isCommitted: false)
        doubt.note(isCommitted: true)
        #expect(!doubt.isOn)
    }
}
