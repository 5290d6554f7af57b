import Bench
import Foundation
import Histogram
import JSON
import Terminal

/// What a run has shown, for people and for programs.
struct BenchReport: Sendable {
    let plan: LoadPlan
    let result: LoadResult
    var costs: [RoleUsage.Cost] = []
    var visibility: VisibilityProbe.Outcome?
    var census: OrderCensus.Count?

    /// Why the run can't be called a success; nil when it can.
    var problem: String? {
        if let census {
            let created = result.created + (visibility?.created ?? 0)
            guard (created...created + result.unknown + (visibility?.errors ?? 0)).contains(census.stored) else {
                return "\(created) orders were answered 201, but the event store has got \(census.stored)"
            }
        }
        if result.measured == 0 { return "no order was taken" }
        return nil
    }

    private static let percentiles: [(name: StaticString, label: String, value: Double)] = [
        ("p50", "p50", 50), ("p99", "p99", 99), ("p999", "p99.9", 99.9), ("max", "max", 100),
    ]

    // MARK: Text

    var table: TerminalText {
        var rows: [[String]] = []
        let loop = plan.rate.map { "\(Self.number($0, 0))/s, open loop" } ?? "closed loop"
        rows.append(["connections", "\(plan.connections), \(loop)"])
        rows.append(["orders", "\(Self.number(result.perSecond, 0))/s (\(result.measured) in \(seconds))"])
        rows.append(["latency", Self.times(result.latency)])
        rows.append(["errors", errors])
        if let visibility {
            rows.append(["visible", Self.times(visibility.visible)])
            if visibility.settled.totalCount > 0 { rows.append(["settled", Self.times(visibility.settled)]) }
            if visibility.missing + visibility.errors > 0 {
                rows.append(["probes lost", "\(visibility.missing) not seen, \(visibility.errors) not taken"])
            }
        }
        if let census {
            rows.append(["events", "\(census.stored) OrderCreated stored, \(census.published) records published"])
            rows.append([
                "relay", census.relayDelay.map { "through \(Self.text($0)) later" } ?? "not through after 60 s",
            ])
        }
        for cost in costs {
            let memory = cost.memoryBytes > 0 ? ", \(cost.memoryBytes >> 20) MiB" : ""
            rows.append([
                cost.name,
                "\(Self.number(perTenThousand(cost), 2)) CPU s per 10 000 orders, "
                    + "\(Self.number(cost.cpuSeconds / max(result.seconds, 1e-9), 2)) cores\(memory)",
            ])
        }
        return TextTable.write(rows)
    }

    private var seconds: String { "\(Self.number(result.seconds, 1)) s" }

    private var errors: String {
        guard result.errors > 0 else { return "none" }
        var parts = result.statuses.filter { !(200..<300).contains($0.key) }.sorted { $0.key < $1.key }
            .map { "\($0.value) answered \($0.key)" }
        if result.unknown > 0 { parts.append("\(result.unknown) without an answer") }
        if result.unsent > 0 { parts.append("\(result.unsent) due but never sent: too few connections") }
        return parts.joined(separator: ", ")
    }

    private static func times(_ histogram: Histogram<UInt64>) -> String {
        percentiles.map { "\($0.label) \(number(Double(histogram.valueAtPercentile($0.value)) / 1000, 2))" }
            .joined(separator: ", ") + " ms"
    }

    private static func text(_ duration: Duration) -> String { "\(number(duration / .milliseconds(1), 0)) ms" }

    static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    private func perTenThousand(_ cost: RoleUsage.Cost) -> Double {
        result.measured > 0 ? cost.cpuSeconds / Double(result.measured) * 10_000 : 0
    }

    // MARK: JSON

    var json: TerminalText {
        var writer = JSONWriter()
        writer.object { json in
            json.field("connections", plan.connections)
            if let rate = plan.rate { json.decimal("rate", rate, 1) }
            json.decimal("seconds", result.seconds, 3)
            json.field("orders", result.measured)
            json.decimal("ordersPerSecond", result.perSecond, 1)
            json.histogram("latencyMicroseconds", result.latency)
            json.field("created", result.created)
            json.field("errors", result.errors)
            json.field("unknown", result.unknown)
            json.field("unsent", result.unsent)
            if let visibility {
                json.histogram("visibleMicroseconds", visibility.visible)
                json.histogram("settledMicroseconds", visibility.settled)
                json.field("probesMissing", visibility.missing)
            }
            if let census {
                json.field("eventsStored", census.stored)
                json.field("recordsPublished", census.published)
                if let delay = census.relayDelay { json.decimal("relayDelaySeconds", delay / .seconds(1), 3) }
            }
            json.key("processes")
            json.array { json in
                for cost in costs {
                    json.object {
                        $0.field("name", cost.name)
                        $0.decimal("cpuSeconds", cost.cpuSeconds, 3)
                        $0.decimal("cpuSecondsPer10000Orders", perTenThousand(cost), 4)
                        $0.field("memoryBytes", cost.memoryBytes)
                    }
                }
            }
        }
        return TerminalText(json: writer.bytes)
    }

    fileprivate static func members(_ histogram: Histogram<UInt64>, _ json: inout JSONWriter) {
        json.field("count", Int(histogram.totalCount))
        for percentile in percentiles {
            json.field(percentile.name, Int(histogram.valueAtPercentile(percentile.value)))
        }
    }
}

extension JSONWriter {
    fileprivate mutating func decimal(_ name: StaticString, _ value: Double, _ digits: Int) {
        field(name, raw: BenchReport.number(value.isFinite ? value : 0, digits).utf8)
    }

    fileprivate mutating func histogram(_ name: StaticString, _ histogram: Histogram<UInt64>) {
        key(name)
        object { BenchReport.members(histogram, &$0) }
    }
}
