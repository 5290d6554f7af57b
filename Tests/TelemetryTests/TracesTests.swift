import Tracing
import Testing

@testable import Telemetry

@Suite struct TracesTests {
    private let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private let queue = SpanQueue(limit: 100)

    private func traces(ratio: Double = 1) -> Traces { Traces(OTLPTracer(sampleRatio: ratio, queue: queue)) }

    private func finished() -> [FinishedSpan] {
        queue.close()
        return queue.take(within: .zero)
    }

    @Test func aSpanStandsBetweenItsCauseAndWhatItCauses() throws {
        let traces = traces()
        let request = traces.start("POST /orders", .server, under: caller, at: 1_000)
        let send = try #require(traces.continue("send", .producer, under: request.traceparent))
        send.end()
        request.end(at: 2_000)
        let spans = finished()
        #expect(spans.map(\.name) == ["send", "POST /orders"])
        #expect(Set(spans.map(\.context.traceID)) == [0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736])
        #expect(spans[1].parentID == 0x00f0_67aa_0ba9_02b7)
        #expect(spans[0].parentID == spans[1].context.parentID)
        #expect(request.traceparent == spans[1].context.description)
        #expect((spans[1].start, spans[1].end) == (1_000, 2_000))
    }

    @Test func withoutACallerATraceBegins() throws {
        let span = traces().start("POST /orders", .server, under: nil)
        #expect(span.isRecorded)
        #expect(TraceContext(try #require(span.traceparent))?.isSampled == true)
        span.end()
        #expect(finished().map(\.parentID) == [nil])
    }

    /// Everybody later on the way must know that it was decided.
    @Test func aTraceThatIsNotRecordedGoesOnUnrecorded() throws {
        let traces = traces(ratio: 0)
        let span = traces.start("POST /orders", .server, under: nil)
        #expect(!span.isRecorded)
        let passed = try #require(span.traceparent)
        #expect(TraceContext(passed)?.isSampled == false)
        // Even to somebody who would record everything.
        let next = self.traces().start("process", .consumer, under: passed)
        #expect(next.traceparent == passed)
        #expect(self.traces().continue("send", under: passed) == nil)
        for span in [span, next] { span.end() }
        #expect(finished().isEmpty)
    }

    @Test func theCallersDecisionCounts() {
        #expect(traces(ratio: 0).start("a", under: caller).isRecorded)
        #expect(!traces(ratio: 1).start("a", under: caller.dropLast() + "0").isRecorded)
    }

    @Test func whatIsNoTraceparentBeginsATrace() {
        let span = traces().start("a", under: "nonsense")
        #expect(span.isRecorded)
        span.end()
        #expect(finished().map(\.parentID) == [nil])
    }

    @Test(arguments: [(0.0, false, false), (1.0, true, true), (0.25, false, true)])
    func theRatioDividesTheTraceIDs(ratio: Double, isBelow: Bool, isAbove: Bool) {
        let border: UInt128 = 3 << 54  // three quarters of 56 bits
        let sampler = TraceSampler(ratio: ratio)
        // What lies above the 56 bits makes no difference.
        for high: UInt128 in [0, 1 << 56, 0xFF << 120] {
            #expect(sampler.records(high | (border - 1)) == isBelow)
            #expect(sampler.records(high | border) == isAbove)
        }
    }

    @Test func theSampledFlagIsReadFast() {
        for flags in 0..<256 {
            let text = String(caller.dropLast(2)) + (flags < 16 ? "0" : "") + String(flags, radix: 16)
            #expect(TraceContext.isUnsampled(text) == (TraceContext(text)?.isSampled == false))
        }
    }

    @Test func whatIsDoneToAnEndedSpanIsTooLate() {
        let span = traces().start("a", under: nil, attributes: ["before": 1])
        span.end()
        span.note(["after": 1])
        span.fail("late")
        span.end()
        let spans = finished()
        #expect(spans.count == 1)
        #expect(spans[0].attributes == ["before": 1])
        #expect(spans[0].status == nil)
    }

    @Test func eventsAndLinksHaveLimits() {
        struct Broken: Error {}
        let span = traces().start("a", under: nil)
        let other = traces().start("b", under: nil)
        for _ in 0..<130 {
            span.note(Broken())
            span.link(to: other)
        }
        span.end()
        let ended = finished()[0]
        #expect((ended.events.count, ended.droppedEvents) == (128, 2))
        #expect((ended.links.count, ended.droppedLinks) == (128, 2))
    }

    @Test func aClockThatIsSetBackMakesNoNegativeSpan() {
        let span = traces().start("a", under: nil, at: 5_000)
        span.end(at: 1_000)
        #expect(finished().map(\.end) == [5_000])
    }
}
