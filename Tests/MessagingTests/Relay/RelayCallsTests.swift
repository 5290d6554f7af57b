import Testing

@testable import Messaging

/// What a relay takes for word of rows: what nobody told of has it look more often for a while.
@Suite struct RelayCallsTests {
    @Test func aWakingIsNoWord() {
        let calls = RelayCalls()
        calls.wake()
        #expect(calls.signal.isRaised)
        #expect(!calls.take() && !calls.signal.isRaised)
    }

    @Test(arguments: [true, false]) func aWordBesideAWakingCounts(isTheWordFirst: Bool) {
        let calls = RelayCalls()
        if isTheWordFirst { calls.tell() }
        calls.wake()
        if !isTheWordFirst { calls.tell() }
        #expect(calls.take())
        #expect(!calls.take() && !calls.signal.isRaised)
    }
}
