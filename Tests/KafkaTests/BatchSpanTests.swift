import Testing

@testable import Kafka

@Suite struct BatchSpanTests {
    @Test func aBatchIsAPartUntilItIsKnownWhatRecordsTake() {
        #expect(BatchSpan().count(of: 500) == 125)
        #expect(BatchSpan().count(of: 1) == 1)
    }

    @Test(arguments: [
        (Duration.microseconds(10), 500), (.microseconds(100), 200), (.milliseconds(1), 20), (.milliseconds(2), 16),
        (.seconds(30), 16), (.zero, 500), (.nanoseconds(-5), 500),
    ])
    func slowRecordsMakeSmallBatches(each: Duration, count: Int) {
        var span = BatchSpan()
        for _ in 0..<40 { span.noted(100, took: each * 100) }
        #expect(span.count(of: 500) == count)
        #expect(span.count(of: 3) == 3)
    }

    @Test func oneStallIsForgotten() {
        var span = BatchSpan()
        for _ in 0..<10 { span.noted(10, took: .milliseconds(1)) }
        span.noted(10, took: .milliseconds(400))
        #expect(span.count(of: 500) == 16)
        for _ in 0..<40 { span.noted(10, took: .milliseconds(1)) }
        #expect(span.count(of: 500) >= 195)
        span.noted(0, took: .seconds(5))
        #expect(span.count(of: 500) >= 195)
    }
}
