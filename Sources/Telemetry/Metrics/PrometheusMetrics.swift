import Execution
import Metrics

/// The metrics of a process, for Prometheus to scrape: a swift-metrics backend, and the exposition of what it holds.
///
/// Instruments are looked up once, when swift-metrics makes them, under a lock; recording afterwards is an atomic
/// addition. Two instruments with one name and the same dimensions are one series. A series is never taken away again,
/// since a counter that vanishes and returns would look like a restart; instead each name may have `seriesLimit` of
/// them, and what comes later is counted together under the label value `overflow`.
///
/// Names are made to fit (Prometheus, "Metric and label naming"): counters end in `_total`, timers in `_seconds`.
public final class PrometheusMetrics: Sendable {
    public struct Configuration: Sendable {
        /// Label sets of one name.
        public var seriesLimit = 500
        /// What `# HELP` says of a name.
        public var help: [String: String] = [:]
        /// The upper bounds of a histogram's buckets, ascending, where those of its unit don't fit.
        public var buckets: [String: [Double]] = [:]

        public init() {}
    }

    /// Values that are asked for when a scrape comes.
    public let collectors = Collectors()
    private let configuration: Configuration
    private let state = Monitor(State())

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        var overflowed = 0
        var conflicts = 0
    }

    private struct Family {
        let kind: MetricKind
        var series: [LabelSet: any Instrument] = [:]
    }

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// What `# HELP` says of further names.
    public func describe(_ help: [String: String]) { state.withLock { $0.help.merge(help) { $1 } } }

    /// Everything there is now, in the Prometheus text format 0.0.4: families by name, series by labels.
    public func exposition() -> [UInt8] {
        var scrape = Scrape()
        collectors.collect(into: &scrape)
        let (families, added, overflowed, conflicts) = state.withLock {
            ($0.families, $0.help, $0.overflowed, $0.conflicts)
        }
        scrape.counter("telemetry_overflowed_series_total", value: Double(overflowed))
        scrape.counter("telemetry_conflicting_metrics_total", value: Double(conflicts))
        var exposition = Exposition()
        for name in Set(families.keys).union(scrape.families.keys).sorted() {
            let collected = scrape.families[name]
            let family = families[name]
            let kind = family?.kind ?? collected?.kind ?? .gauge
            exposition.begin(name, kind, help: configuration.help[name] ?? added[name] ?? Self.help[name])
            for (labels, instrument) in (family?.series ?? [:]).sorted(by: { $0.key < $1.key }) {
                instrument.write(name, labels, to: &exposition)
            }
            // A name belongs to instruments or to collectors: mixed kinds would make the whole scrape unreadable.
            guard let collected, collected.kind == kind else { continue }
            for (labels, value) in collected.values.sorted(by: { $0.key < $1.key })
            where family?.series[labels] == nil {
                exposition.sample(name, labels: labels, value)
            }
        }
        return exposition.bytes
    }

    /// Of its own metrics.
    public static let help = [
        "telemetry_overflowed_series_total": "Label sets beyond the limit of their metric, counted together.",
        "telemetry_conflicting_metrics_total":
            "Metrics that were made with the name of one of another kind, and are not exposed.",
    ]

    /// The series of `name` and `dimensions`, made at its first use. One that clashes with a family of another kind
    /// works but is not exposed.
    private func instrument<I: Instrument>(
        _ name: String, _ kind: MetricKind, _ dimensions: [(String, String)], make: () -> I
    ) -> I {
        state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            guard family.kind == kind else {
                state.conflicts += 1
                return make()
            }
            var labels = LabelSet(dimensions, reserved: kind.reservedLabel)
            if family.series[labels] == nil, family.series.count >= configuration.seriesLimit {
                state.overflowed += 1
                labels = labels.overflow
            }
            if let known = family.series[labels] {
                if let known = known as? I { return known }
                state.conflicts += 1
                return make()
            }
            let new = make()
            family.series[labels] = new
            state.families[name] = family
            return new
        }
    }

    private func histogram(_ name: String, _ dimensions: [(String, String)]) -> HistogramInstrument {
        instrument(name, .histogram, dimensions) {
            HistogramInstrument(bounds: configuration.buckets[name] ?? HistogramBuckets.bounds(of: name))
        }
    }
}

extension PrometheusMetrics: MetricsFactory {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(MetricName.counter(label), .counter, dimensions) { CounterInstrument() }
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        instrument(MetricName.counter(label), .counter, dimensions) { FloatingPointCounterInstrument() }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(MetricName.sanitized(label), .gauge, dimensions) { GaugeInstrument() }
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let name = MetricName.sanitized(label)
        return aggregate ? histogram(name, dimensions) : instrument(name, .gauge, dimensions) { GaugeInstrument() }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(MetricName.timer(label), dimensions)
    }

    // A series stays: other code may count in it too.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}
