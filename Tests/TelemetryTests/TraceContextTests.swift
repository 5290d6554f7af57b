import Telemetry
import Testing

@Suite struct TraceContextTests {
    private let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func itReadsWhatItWrites() throws {
        let context = try #require(TraceContext(example))
        #expect(context.description == example)
        #expect(context.isSampled)
        #expect(context.parentID == 0x00f0_67aa_0ba9_02b7)
        let new = TraceContext()
        #expect(TraceContext(new.description) == new)
        #expect(!new.isSampled)
    }

    @Test func aChildStaysInItsTrace() throws {
        let parent = try #require(TraceContext(example))
        let child = parent.child()
        #expect(child.traceID == parent.traceID)
        #expect(child.flags == parent.flags)
        #expect(child.parentID != parent.parentID)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
    ])
    func aMalformedOneIsNone(text: String) {
        #expect(TraceContext(text) == nil)
    }

    @Test(arguments: [
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
    ])
    func alaterVersionIsUnderstoodAsFarAsThisOne(text: String) {
        #expect(TraceContext(text)?.description == example)
    }

    @Test func unknownFlagsAreNotPassedOn() {
        #expect(TraceContext(example.dropLast(2) + "ff")?.description == example)
    }
}
