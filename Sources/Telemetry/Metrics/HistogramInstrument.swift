import Metrics
import Synchronization

/// Counts values by size.
///
/// `@unchecked Sendable`: the bounds never change, and the counts are atomics at an address that lives as long as this
/// object.
final class HistogramInstrument: Instrument, RecorderHandler, TimerHandler, @unchecked Sendable {
    private let bounds: [Double]
    /// One a bound, and one for what is beyond the last. Not cumulative: a value touches one of them.
    private let counts: UnsafeMutablePointer<Atomic<Int64>>
    private let sum = AtomicDouble()

    /// - Parameter bounds: inclusive upper bounds, ascending.
    init(bounds: [Double]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "buckets must ascend: \(bounds)")
        self.bounds = bounds
        counts = .allocate(capacity: bounds.count + 1)
        for index in 0...bounds.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: bounds.count + 1)
        counts.deallocate()
    }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    func record(_ value: Int64) { record(Double(value)) }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    /// The count is the sum of the buckets as they are read, so that the two always agree.
    func write(_ name: String, _ labels: LabelSet, to exposition: inout Exposition) {
        var total: Int64 = 0
        for (index, bound) in bounds.enumerated() {
            total += counts[index].load(ordering: .relaxed)
            exposition.bucket(name, labels, upTo: bound, total)
        }
        total += counts[bounds.count].load(ordering: .relaxed)
        exposition.bucket(name, labels, upTo: .infinity, total)
        exposition.sample(name, "_sum", labels: labels, sum.load())
        exposition.sample(name, "_count", labels: labels, total)
    }
}

/// The buckets of a histogram, by the unit in its name.
enum HistogramBuckets {
    /// From a fast query to a request that timed out.
    static let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    static let bytes: [Double] = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]
    /// Things gathered in a batch.
    static let counts: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]

    static func bounds(of name: String) -> [Double] {
        if name.hasSuffix("_seconds") { return seconds }
        if name.hasSuffix("_bytes") { return bytes }
        return counts
    }
}
