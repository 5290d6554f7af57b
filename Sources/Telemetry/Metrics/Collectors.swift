import Execution

/// Closures that say values when a scrape comes: for what is kept anyway, such as the depth of a queue.
public final class Collectors: Sendable {
    private let closures = Monitor<[@Sendable (inout Scrape) -> Void]>([])

    public init() {}

    /// - Parameter collect: called at every scrape on an HTTP loop, so it only looks at what is known already and never
    ///   waits for a network or a lock that is held for long.
    public func add(_ collect: @escaping @Sendable (inout Scrape) -> Void) {
        closures.withLock { $0.append(collect) }
    }

    func collect(into scrape: inout Scrape) {
        for collect in closures.withLock({ $0 }) { collect(&scrape) }
    }
}

/// Takes the values of one scrape. Of a series that is given twice, the last value counts.
public struct Scrape {
    struct Family {
        let kind: MetricKind
        var values: [LabelSet: Double] = [:]
    }

    private(set) var families: [String: Family] = [:]

    /// A value that goes up and down.
    public mutating func gauge(_ name: String, _ labels: [(String, String)] = [], value: Double) {
        add(MetricName.sanitized(name), .gauge, labels, value)
    }

    /// A value that only goes up while the process lives.
    public mutating func counter(_ name: String, _ labels: [(String, String)] = [], value: Double) {
        add(MetricName.counter(name), .counter, labels, value)
    }

    public mutating func gauge(_ name: String, _ labels: [(String, String)] = [], value: Int) {
        gauge(name, labels, value: Double(value))
    }

    public mutating func counter(_ name: String, _ labels: [(String, String)] = [], value: Int) {
        counter(name, labels, value: Double(value))
    }

    private mutating func add(_ name: String, _ kind: MetricKind, _ labels: [(String, String)], _ value: Double) {
        guard families[name, default: Family(kind: kind)].kind == kind else { return }
        families[name, default: Family(kind: kind)].values[LabelSet(labels)] = value
    }
}
