import Metrics
import Telemetry
import Testing

@Suite struct PrometheusMetricsTests {
    private let metrics = PrometheusMetrics()

    private func scrape() throws -> ParsedExposition { try ParsedExposition(metrics.exposition()) }

    @Test func countersGetTheirSuffix() throws {
        Counter(label: "orders.taken", dimensions: [("tenant", "a")], factory: metrics).increment(by: 3)
        Counter(label: "orders_taken_total", dimensions: [("tenant", "a")], factory: metrics).increment()
        FloatingPointCounter(label: "work_seconds", factory: metrics).increment(by: 0.25)
        let scrape = try scrape()
        #expect(scrape.types["orders_taken_total"] == "counter")
        #expect(scrape.value("orders_taken_total", ["tenant": "a"]) == 4)
        #expect(scrape.value("work_seconds_total") == 0.25)
    }

    @Test func aCounterNeverGoesDown() throws {
        let counter = Counter(label: "x_total", factory: metrics)
        counter.increment(by: 5)
        counter.increment(by: -7)
        #expect(try scrape().value("x_total") == 5)
    }

    @Test func gaugesHoldTheLastValue() throws {
        let gauge = Gauge(label: "depth", factory: metrics)
        gauge.record(7)
        gauge.record(-2.5)
        let meter = Meter(label: "open", factory: metrics)
        meter.increment(by: 3)
        meter.decrement()
        let scrape = try scrape()
        #expect(scrape.types["depth"] == "gauge")
        #expect(scrape.value("depth") == -2.5)
        #expect(scrape.value("open") == 2)
    }

    @Test(arguments: [(Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (1e20, "1e+20"), (0.1, "0.1")])
    func oddNumbersReadAsGoReadsThem(value: Double, text: String) {
        Gauge(label: "odd", factory: metrics).record(value)
        let lines = String(decoding: metrics.exposition(), as: UTF8.self).split(separator: "\n")
        #expect(lines.contains("odd \(text)"))
    }

    @Test func timersAreHistogramsInSeconds() throws {
        let timer = Timer(label: "handler", dimensions: [("group", "g")], factory: metrics)
        timer.recordMilliseconds(1)
        timer.recordMilliseconds(3)
        timer.recordSeconds(2)
        timer.recordSeconds(100)
        let scrape = try scrape()
        #expect(scrape.types["handler_seconds"] == "histogram")
        func bucket(_ bound: String) -> Double? {
            scrape.value("handler_seconds_bucket", ["group": "g", "le": bound])
        }
        // A bound is inclusive: exactly 1 ms lies in the bucket of 1 ms.
        #expect(bucket("0.0005") == 0)
        #expect(bucket("0.001") == 1)
        #expect(bucket("0.0025") == 1)
        #expect(bucket("0.005") == 2)
        #expect(bucket("2.5") == 3)
        #expect(bucket("30") == 3)
        #expect(bucket("+Inf") == 4)
        #expect(scrape.value("handler_seconds_count", ["group": "g"]) == 4)
        let sum = try #require(scrape.value("handler_seconds_sum", ["group": "g"]))
        #expect(abs(sum - 102.004) < 1e-9)
    }

    @Test func recordersHaveBucketsOfTheirUnit() throws {
        var configuration = PrometheusMetrics.Configuration()
        configuration.buckets = ["own": [1, 10]]
        let metrics = PrometheusMetrics(configuration)
        for name in ["batch_size", "body_bytes", "wait_seconds", "own"] {
            Recorder(label: name, aggregate: true, factory: metrics).record(7)
        }
        let scrape = try ParsedExposition(metrics.exposition())
        func bounds(_ name: String) -> [String] {
            scrape.samples.filter { $0.name == "\(name)_bucket" }.compactMap { $0.labels["le"] }
        }
        #expect(bounds("batch_size").prefix(4) == ["1", "2", "5", "10"])
        #expect(bounds("body_bytes").first == "64")
        #expect(bounds("wait_seconds").first == "0.0005")
        #expect(bounds("own") == ["1", "10", "+Inf"])
        #expect(scrape.value("own_bucket", ["le": "1"]) == 0)
        #expect(scrape.value("own_bucket", ["le": "10"]) == 1)
    }

    @Test(arguments: [
        #"quote " and backslash \"#, "two\nlines", #"ends with \"#, "\r\t\0", "", "ünïcode 🦊", #"a",evil="b"#, "} 1",
        "e\u{301}\n\u{301}",
    ])
    func labelValuesMayBeAnything(value: String) throws {
        Counter(label: "hostile", dimensions: [("value", value), ("other", "x")], factory: metrics).increment()
        #expect(try scrape().value("hostile_total", ["value": value, "other": "x"]) == 1)
    }

    @Test func namesAreMadeToFit() throws {
        let dimensions = [("le", "1"), ("9-lives", "x"), ("a:b", "y"), ("same", "first"), ("same", "last")]
        Timer(label: "9 strange-nämes", dimensions: dimensions, factory: metrics).recordSeconds(1)
        let scrape = try scrape()
        let name = try #require(scrape.types.keys.first { $0.hasSuffix("_seconds") })
        let labels = ["exported_le": "1", "_9_lives": "x", "a_b": "y", "same": "last"]
        #expect(scrape.value(name + "_count", labels) == 1)
    }

    @Test func aLineFeedInHelpStaysInItsLine() throws {
        var configuration = PrometheusMetrics.Configuration()
        configuration.help = ["x_total": "one\ntwo \\ three"]
        let metrics = PrometheusMetrics(configuration)
        Counter(label: "x", factory: metrics).increment()
        #expect(try ParsedExposition(metrics.exposition()).help["x_total"] == #"one\ntwo \\ three"#)
    }

    @Test func tooManySeriesAreCountedTogether() throws {
        var configuration = PrometheusMetrics.Configuration()
        configuration.seriesLimit = 10
        let metrics = PrometheusMetrics(configuration)
        for user in 0..<1_000 {
            Counter(label: "by_user", dimensions: [("user", "\(user)")], factory: metrics).increment()
        }
        let scrape = try ParsedExposition(metrics.exposition())
        let series = scrape.samples.filter { $0.name == "by_user_total" }
        #expect(series.count == 11)
        #expect(series.reduce(0) { $0 + $1.value } == 1_000)
        #expect(scrape.value("by_user_total", ["user": "overflow"]) == 990)
        #expect(scrape.value("telemetry_overflowed_series_total") == 990)
    }

    @Test func aNameOfTwoKindsKeepsTheFirst() throws {
        Counter(label: "x_total", factory: metrics).increment()
        Gauge(label: "x_total", factory: metrics).record(99)
        metrics.collectors.add { $0.gauge("x_total", [("from", "collector")], value: 99) }
        let scrape = try scrape()
        #expect(scrape.types["x_total"] == "counter")
        #expect(scrape.samples.filter { $0.name == "x_total" }.map(\.value) == [1])
        #expect(scrape.value("telemetry_conflicting_metrics_total") == 1)
    }

    @Test func collectorsAreAskedAtEveryScrape() throws {
        let depth = Gauge(label: "asked", factory: metrics)
        metrics.collectors.add { scrape in
            scrape.gauge("queue_depth", [("queue", "a")], value: 3)
            scrape.counter("served", [("queue", "a")], value: 12)
        }
        // Both in one family, from different places: still one group of lines.
        metrics.collectors.add { $0.gauge("queue_depth", [("queue", "b")], value: 4) }
        metrics.collectors.add { _ in depth.record(1) }
        let scrape = try scrape()
        #expect(scrape.value("queue_depth", ["queue": "a"]) == 3)
        #expect(scrape.value("queue_depth", ["queue": "b"]) == 4)
        #expect(scrape.value("served_total", ["queue": "a"]) == 12)
        #expect(scrape.value("asked") == 1)
    }

    @Test func theProcessShowsItself() throws {
        ProcessMetrics.register(with: metrics.collectors)
        let scrape = try scrape()
        #expect(try #require(scrape.value("process_resident_memory_bytes")) > 1e6)
        #expect(try #require(scrape.value("process_open_fds")) >= 3)
        #expect(try #require(scrape.value("process_threads")) >= 1)
        #expect(try #require(scrape.value("process_cpu_seconds_total")) > 0)
        #expect(try #require(scrape.value("process_start_time_seconds")) > 1.6e9)
        for name in scrape.types.keys where name.hasPrefix("process_") { #expect(ProcessMetrics.help[name] != nil) }
    }

    /// Threads that record and make instruments while others scrape: every scrape can be read, no value is lost.
    @Test func threadsMayDoEverythingAtOnce() async throws {
        let metrics = metrics
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    let timer = Timer(label: "work", factory: metrics)
                    let gauge = Meter(label: "level", factory: metrics)
                    for round in 0..<5_000 {
                        Counter(label: "rounds", dimensions: [("slot", "\(round % 7)")], factory: metrics).increment()
                        timer.recordMilliseconds(Int64(worker))
                        gauge.increment()
                    }
                }
            }
            group.addTask {
                for _ in 0..<50 {
                    let scrape = try ParsedExposition(metrics.exposition())
                    let count = scrape.value("work_seconds_count") ?? 0
                    #expect(count == scrape.value("work_seconds_bucket", ["le": "+Inf"]) ?? 0)
                }
            }
            try await group.waitForAll()
        }
        let scrape = try scrape()
        #expect(scrape.samples.filter { $0.name == "rounds_total" }.reduce(0) { $0 + $1.value } == 40_000)
        #expect(scrape.value("work_seconds_count") == 40_000)
        #expect(scrape.value("level") == 40_000)
    }
}
