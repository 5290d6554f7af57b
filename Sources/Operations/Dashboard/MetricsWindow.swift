/// What changed in the counters of some processes over the last seconds.
struct MetricsWindow {
    private let pairs: [(base: RoleScrape, last: RoleScrape)]

    /// - Parameters:
    ///   - histories: the scrapes of each process, the oldest first.
    ///   - seconds: at least so long, where the past reaches so far back.
    init(_ histories: [[RoleScrape]], seconds: Double) {
        pairs = histories.compactMap { scrapes in
            guard let last = scrapes.last, scrapes.count > 1,
                let base = scrapes.dropLast().last(where: { last.at - $0.at >= seconds }) ?? scrapes.first
            else { return nil }
            return (base, last)
        }
    }

    /// By how much each series grew, summed over processes. A counter that is lower than before began anew.
    func increases(_ name: String) -> [String: Double] {
        var sums: [String: Double] = [:]
        for (base, last) in pairs {
            for (labels, value) in last.metrics[name] {
                let before = base.metrics[name][labels] ?? 0
                sums[labels, default: 0] += value < before ? value : value - before
            }
        }
        return sums
    }

    /// Growth a second of the series that `matches` takes; nil before there are two scrapes.
    func rate(_ name: String, _ matches: (_ labels: String) -> Bool = { _ in true }) -> Double? {
        guard !pairs.isEmpty else { return nil }
        return pairs.reduce(0) { sum, pair in
            let seconds = pair.last.at - pair.base.at
            let grown = MetricsWindow([[pair.base, pair.last]], seconds: 0).increases(name)
                .reduce(0) { $0 + (matches($1.key) ? $1.value : 0) }
            return sum + (seconds > 0 ? grown / seconds : 0)
        }
    }

    /// The distribution of a histogram's new values, over the series that `matches` takes.
    func distribution(_ name: String, _ matches: (_ labels: String) -> Bool = { _ in true }) -> Distribution {
        var counts: [Double: Double] = [:]
        for (labels, increase) in increases("\(name)_bucket") where matches(labels) {
            guard let bound = MetricsText.label("le", in: labels) else { continue }
            counts[bound == "+Inf" ? .infinity : Double(bound) ?? .infinity, default: 0] += increase
        }
        return Distribution(cumulative: counts)
    }
}

/// Values counted by size.
struct Distribution: Sendable {
    /// Inclusive upper bounds, ascending, each with the count of all values up to it.
    private let buckets: [(bound: Double, count: Double)]

    init(cumulative counts: [Double: Double]) {
        buckets = counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    var count: Double { buckets.last?.count ?? 0 }

    /// As Prometheus estimates it: evenly spread within a bucket, and never beyond the last finite bound. Nil without
    /// values.
    func quantile(_ part: Double) -> Double? {
        guard count > 0, let index = buckets.firstIndex(where: { $0.count >= part * count }) else { return nil }
        let (bound, upTo) = buckets[index]
        let (low, below) = index == 0 ? (0, 0) : buckets[index - 1]
        guard bound.isFinite else { return low }
        return upTo > below ? low + (bound - low) * (part * count - below) / (upTo - below) : bound
    }
}
