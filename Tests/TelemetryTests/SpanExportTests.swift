import Execution
import JSON
import Logging
import Testing
import Tracing

@testable import Telemetry

@Suite struct SpanExportTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func span(_ name: String) -> FinishedSpan {
        FinishedSpan(context: TraceContext(sampled: true), parentID: nil, kind: .internal, start: 1, end: 2, name: name)
    }

    /// A collector that answers as it is told, the last answer again and again.
    private final class Collector: Sendable {
        let bodies = Monitor<[[UInt8]]>([])
        private let answers: Monitor<[SpanExporter.Answer]>

        init(_ answers: SpanExporter.Answer...) { self.answers = Monitor(answers) }

        func receive(_ body: [UInt8]) -> SpanExporter.Answer {
            bodies.update { $0.append(body) }
            return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        }

        /// The first `count` bodies, once they are there.
        func wait(for count: Int) throws -> [[UInt8]] {
            try #require(bodies.wait(for: .seconds(20)) { $0.count >= count ? Array($0.prefix(count)) : nil })
        }
    }

    private func exporter(_ queue: SpanQueue, to collector: Collector) -> SpanExporter {
        var configuration = SpanExporter.Configuration()
        configuration.resource = [("service.name", "test")]
        configuration.interval = .milliseconds(10)
        configuration.retryBase = .milliseconds(1)
        configuration.retryCap = .milliseconds(5)
        let exporter = SpanExporter(queue, configuration, logger: logger) { collector.receive($0) }
        exporter.start()
        return exporter
    }

    @Test func aSpanIsWrittenAsOTLPHasIt() throws {
        let context = try #require(TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let other = try #require(TraceContext("00-00000000000000000000000000000001-0000000000000002-01"))
        var span = FinishedSpan(
            context: context, parentID: 10, kind: .consumer, start: 1_700_000_000_000_000_001,
            end: 1_700_000_000_000_000_002, name: #"process "x""#)
        span.attributes = [
            "text": "a", "count": 7, "flag": true, "share": 0.5, "all": .stringArray(["x", "y"]),
        ]
        span.events = [
            SpanEvent(
                name: "exception", at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: 9), attributes: ["a": "b"])
        ]
        span.links = [(other, [:])]
        span.status = SpanStatus(code: .error, message: "it broke")
        let body = OTLPEncoder(resource: [("service.name", "orderflow-api")]).encode([span])
        #expect(
            String(decoding: body, as: UTF8.self) == """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":\
                {"stringValue":"orderflow-api"}}]},"scopeSpans":[{"scope":{"name":"orderflow"},"spans":[{\
                "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",\
                "parentSpanId":"000000000000000a","flags":1,"name":"process \\"x\\"","kind":5,\
                "startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",\
                "attributes":[{"key":"all","value":{"arrayValue":{"values":[{"stringValue":"x"},\
                {"stringValue":"y"}]}}},{"key":"count","value":{"intValue":"7"}},\
                {"key":"flag","value":{"boolValue":true}},{"key":"share","value":{"doubleValue":0.5}},\
                {"key":"text","value":{"stringValue":"a"}}],\
                "events":[{"timeUnixNano":"9","name":"exception","attributes":[{"key":"a","value":\
                {"stringValue":"b"}}]}],"links":[{"traceId":"00000000000000000000000000000001",\
                "spanId":"0000000000000002"}],"status":{"code":2,"message":"it broke"}}],\
                "schemaUrl":"https://opentelemetry.io/schemas/1.30.0"}]}]}
                """)
        _ = try JSONValue(parsing: body)
    }

    @Test func aCollectorThatIsAwayIsAskedAgain() throws {
        let queue = SpanQueue(limit: 10)
        let collector = Collector(
            .again(after: nil, reason: "away"), .again(after: .milliseconds(1), reason: "503"), .accepted([]))
        let exporter = exporter(queue, to: collector)
        queue.offer(span("a"))
        let bodies = try collector.wait(for: 3)
        #expect(bodies[0] == bodies[1] && bodies[1] == bodies[2])
        exporter.stop(within: .seconds(20))
        #expect(collector.bodies.withLock { $0.count } == 3)
    }

    @Test func whatIsRefusedIsNotSentAgain() throws {
        let queue = SpanQueue(limit: 10)
        let collector = Collector(.refused("HTTP 400"), .accepted([]))
        let exporter = exporter(queue, to: collector)
        queue.offer(span("refused"))
        _ = try collector.wait(for: 1)
        queue.offer(span("next"))
        let bodies = try collector.wait(for: 2)
        #expect(String(decoding: bodies[1], as: UTF8.self).contains(#""name":"next""#))
        exporter.stop(within: .seconds(20))
        #expect(collector.bodies.withLock { $0.count } == 2)
    }

    @Test func stoppingSendsWhatWaits() throws {
        let queue = SpanQueue(limit: 2_000)
        var configuration = SpanExporter.Configuration()
        // Only the stop can be what sends them.
        configuration.interval = .seconds(3_600)
        let collector = Collector(.accepted([]))
        let exporter = SpanExporter(queue, configuration, logger: logger) { collector.receive($0) }
        for number in 0..<500 { queue.offer(span("\(number)")) }
        exporter.start()
        exporter.stop(within: .seconds(20))
        #expect(try names(collector) == Set((0..<500).map(String.init)))
    }

    /// With a collector that never answers, whoever makes spans and whoever stops the process go on.
    @Test func nobodyWaitsForACollectorThatHangs() throws {
        let queue = SpanQueue(limit: 100)
        let release = StopSignal()
        let isHanging = Monitor(false)
        let exporter = SpanExporter(queue, logger: logger) { _ in
            isHanging.update { $0 = true }
            release.wait(for: nil)
            return .accepted([])
        }
        exporter.start()
        queue.offer(span("taken"))
        #expect(isHanging.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        for number in 0..<1_000 { queue.offer(span("\(number)")) }
        #expect(queue.depth == 100)
        #expect(queue.dropped == 900)
        exporter.stop(within: .milliseconds(50))
        release.stop()
    }

    @Test func aBatchHasALimit() throws {
        let queue = SpanQueue(limit: 2_000)
        for number in 0..<1_200 { queue.offer(span("\(number)")) }
        #expect(queue.take(within: .zero).count == SpanQueue.batch)
        #expect(queue.take(within: .zero).count == SpanQueue.batch)
        #expect(queue.take(within: .zero).count == 1_200 - 2 * SpanQueue.batch)
        #expect(queue.take(within: .zero).isEmpty)
    }

    private func names(_ collector: Collector) throws -> Set<String> {
        var names: Set<String> = []
        for body in collector.bodies.withLock({ $0 }) {
            let spans = try JSONValue(parsing: body)["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array ?? []
            names.formUnion(spans.compactMap { $0["name"]?.string })
        }
        return names
    }
}
