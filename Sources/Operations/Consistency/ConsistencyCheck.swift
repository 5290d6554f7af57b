import Projection
import Execution
import OrderflowKit
import Postgres

/// Compares the read models with the event store, some orders at a time: a bounded number of rows by their keys,
/// however many there are.
public struct ConsistencyCheck {
    /// How far the read model of orders is behind the event store, relay and topic included.
    public struct Lag: Hashable, Sendable {
        /// Committed and not in the read model; an estimate beyond `tailLength`.
        public var events: Int64 = 0
        /// Age of the oldest of them; 0 with none.
        public var seconds: Double = 0

        public init() {}
    }

    public struct Round: Sendable {
        public var lag = Lag()
        /// Orders that have changed since aren't judged. Microseconds since the Unix epoch.
        public var settledBefore = Int64.min
        /// Orders that were compared.
        public var compared = 0
        public var differing: [OrderKey: [ViewDifference]] = [:]
    }

    /// Events at the end of the store that are looked at each time.
    private static let tailLength = 512

    private let stored: StoredOrders
    private let viewed: ViewedOrders
    private let settle: Duration

    /// - Parameters:
    ///   - orders, views: the databases of the order service and of the read models.
    ///   - topics: of the facts about orders: the topic and its lane.
    ///   - settle: orders that changed less long ago, and those that the lag covers, aren't judged.
    public init(orders: Connection, views: Connection, topics: [String], settle: Duration = .seconds(30)) {
        stored = StoredOrders(connection: orders)
        viewed = ViewedOrders(connection: views, topics: topics)
        self.settle = settle
    }

    /// Compares the last orders that changed, and `others`.
    public func run(besides others: some Sequence<OrderKey>) throws -> Round {
        let now = try stored.now()
        let tail = try stored.tail(before: .max, limit: Self.tailLength)
        var round = Round()
        round.lag = try lag(of: tail, at: now)
        let patience = settle.microseconds.addingReportingOverflow(Int64(saturating: round.lag.seconds * 1e6))
        let settledBefore = patience.overflow ? .min : now - patience.partialValue
        round.settledBefore = settledBefore
        // Under load that is all of the tail: nobody needs to look up what isn't judged.
        let fresh = Set(tail.filter { $0.createdAt >= settledBefore }.map(\.key))
        let keys = Set(tail.map(\.key)).union(others).subtracting(fresh).sorted()
        // The store first: what a read model has then may be newer, never older.
        let states = try stored.states(of: keys)
        let views = try viewed.states(of: keys)
        for (key, state) in states where state.changedAt < settledBefore {
            round.compared += 1
            let found = ViewDifference.between(state, views[key])
            if !found.isEmpty { round.differing[key] = found }
        }
        // An order may have moved on between the two looks.
        let again = try stored.states(of: round.differing.keys.sorted())
        round.differing = round.differing.filter { states[$0.key] == again[$0.key] }
        return round
    }

    /// The next orders of a sweep over all of them; empty at the end.
    func sweep(after key: OrderKey?, limit: Int) throws -> [OrderKey] { try stored.keys(after: key, limit: limit) }

    /// What of the tail isn't in the read model; where nothing of it is, the place before it where that begins.
    private func lag(of tail: [StoredOrders.Event], at now: Int64) throws -> Lag {
        var lag = Lag()
        var absent = try missing(in: tail)
        let there = Set(tail).subtracting(absent).map(\.createdAt).max()
        // Partitions don't keep step, but an event whose successors have long been there isn't on its way any more.
        if let there { absent.removeAll { $0.createdAt < there - Int64(settle / .microseconds(1)) } }
        guard let newest = tail.first, let oldest = absent.last else { return lag }
        lag.events = Int64(absent.count)
        lag.seconds = Self.age(oldest, now)
        guard absent.count == Self.tailLength else { return lag }
        let first = try firstMissing(before: oldest)
        lag.events = newest.position - first.position + 1
        lag.seconds = max(lag.seconds, Self.age(first, now))
        return lag
    }

    /// The first event of those that aren't there up to `event`, give or take a tail: by growing steps back, then by
    /// halves, as if the read model had all events up to one.
    private func firstMissing(before event: StoredOrders.Event) throws -> StoredOrders.Event {
        var missing = event
        var present: Int64 = 0
        var step = Int64(Self.tailLength)
        while let probe = try stored.tail(before: missing.position - step, limit: 1).first {
            guard try !self.missing(in: [probe]).isEmpty else {
                present = probe.position
                break
            }
            missing = probe
            step *= 4
        }
        while missing.position - present > Int64(Self.tailLength) {
            let middle = present + (missing.position - present) / 2
            guard let probe = try stored.tail(before: middle + 1, limit: 1).first, probe.position > present else {
                present = middle
                continue
            }
            if try self.missing(in: [probe]).isEmpty { present = probe.position } else { missing = probe }
        }
        return missing
    }

    /// The newest first. What is parked is missing for a reason that an operator knows.
    private func missing(in events: [StoredOrders.Event]) throws -> [StoredOrders.Event] {
        let views = try viewed.states(of: Set(events.map(\.key)).sorted())
        return events.filter { event in
            guard let view = views[event.key] else { return true }
            return view.version ?? 0 < event.version && !view.parkedBy.contains(ReadModelGroup.orders)
        }
    }

    private static func age(_ event: StoredOrders.Event, _ now: Int64) -> Double {
        max(0, Double(now - event.createdAt) / 1e6)
    }
}
