import Execution
import Kafka
import Logging
import Postgres

/// The lanes of a rebuild, each on a thread of its own, and what each is about.
///
/// A partition belongs to one lane for as long as the rebuild runs, so that its records keep their order. Each lane
/// commits its own partitions' offsets with what they brought.
final class ShadowLanes: Sendable {
    private enum Work: Sendable {
        case read([TopicPartition: Int64], without: ShadowLetters, until: ContinuousClock.Instant?)
        case letIn([StoredLetter])
    }

    private struct Lane: Sendable {
        /// What it is to begin with.
        var work: Work?
        var isBusy = false
        var next: [TopicPartition: Int64] = [:]
        var left = ShadowLane.LeftOut()
        var failure: (any Error)?

        var isIdle: Bool { work == nil && !isBusy }
    }

    private struct State: Sendable {
        var lanes: [Lane]
        var isClosed = false

        /// What one fails with keeps the others from reading on.
        var isStopped: Bool { isClosed || lanes.contains { $0.failure != nil } }
    }

    private let state: Monitor<State>
    private let threads: [DedicatedThread]
    private let owners = Monitor<[TopicPartition: Int]>([:])

    /// As many as a group's process has workers.
    private static let count = 2

    init(
        _ schema: ShadowSchema, from start: [TopicPartition: Int64], kafka: KafkaConfiguration,
        database: PostgresConfiguration, limits: Rebuild.Limits, logger: Logger
    ) {
        // Together they keep to the limits of a rebuild.
        let share = ShadowLane.Limits(
            records: max(1, limits.records / Self.count), bytes: max(1, limits.bytes / Self.count),
            memory: ShadowSource.memory / Self.count, patience: limits.patience)
        let shared = Monitor(())
        let state = Monitor(State(lanes: Array(repeating: Lane(), count: Self.count)))
        self.state = state
        threads = (0..<Self.count).map { number in
            DedicatedThread.start("rebuild-\(number + 1)") {
                Self.run(number, state) {
                    try ShadowLane(
                        schema, from: start, kafka: kafka, database: database, limits: share,
                        writing: schema.model.followsKeys ? Monitor(()) : shared, logger: logger)
                }
            }
        }
    }

    /// What is being written is finished first.
    func close() {
        state.update { $0.isClosed = true }
        for thread in threads { thread.join() }
    }

    var left: ShadowLane.LeftOut { state.withLock { $0.lanes.reduce(ShadowLane.LeftOut()) { $0 + $1.left } } }

    // MARK: Asking

    /// Brings the shadow to where the live group is, and commits.
    ///
    /// - Parameters:
    ///   - deadline: `ShadowLane.StillBehind` is thrown when it passes first.
    ///   - onStep: called often, with the next offsets; what it throws ends the call.
    func read(
        _ positions: ShadowPositions, without letters: ShadowLetters, until deadline: ContinuousClock.Instant?,
        onStep: ([TopicPartition: Int64]) throws -> Void
    ) throws {
        let shares = share(positions)
        state.update { state in
            for (number, bounds) in shares.enumerated() where !bounds.isEmpty {
                state.lanes[number].work = .read(bounds, without: letters, until: deadline)
            }
        }
        try waitForAll(onStep)
    }

    /// Lets in letters that were left out, and commits.
    func letIn(_ letters: [StoredLetter]) throws {
        state.update { $0.lanes[0].work = .letIn(letters) }
        try waitForAll { _ in }
    }

    /// Each lane's partitions, with the live group's offsets. A new one goes to the lane that has least to read.
    private func share(_ positions: ShadowPositions) -> [[TopicPartition: Int64]] {
        owners.withLock { owners in
            var shares = Array(repeating: [TopicPartition: Int64](), count: Self.count)
            var sizes = Array(repeating: Int64(0), count: Self.count)
            // Those that have a lane first, then the longest.
            let partitions = positions.bounds.sorted { one, other in
                let hasLane = (owners[one.key] != nil, owners[other.key] != nil)
                if hasLane.0 != hasLane.1 { return hasLane.0 }
                return (other.value, one.key) < (one.value, other.key)
            }
            for (partition, bound) in partitions {
                let lane = owners[partition] ?? sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0
                owners[partition] = lane
                shares[lane][partition] = bound
                sizes[lane] += max(0, bound - (positions.next[partition] ?? 0))
            }
            return shares
        }
    }

    /// Until all have done what they were asked to, or one of them has failed.
    private func waitForAll(_ onStep: ([TopicPartition: Int64]) throws -> Void) throws {
        var seen: [TopicPartition: Int64] = [:]
        while true {
            let step = state.wait(for: nil) { state -> (next: [TopicPartition: Int64], isLast: Bool)? in
                let next = state.lanes.reduce(into: [:]) { $0.merge($1.next) { max($0, $1) } }
                let isLast = state.lanes.allSatisfy(\.isIdle)
                return isLast || next != seen ? (next, isLast) : nil
            }
            guard let step else { continue }
            seen = step.next
            try onStep(seen)
            if step.isLast { break }
        }
        let failures = state.withLock { state in
            defer { for number in state.lanes.indices { state.lanes[number].failure = nil } }
            return state.lanes.compactMap(\.failure)
        }
        // Who was stopped, or was only late, has less to say.
        if let failure = failures.first(where: { !($0 is ShadowLane.StillBehind) }) ?? failures.first { throw failure }
    }

    // MARK: A lane's thread

    private static func run(_ number: Int, _ state: Monitor<State>, _ make: () throws -> ShadowLane) {
        var lane: ShadowLane?
        defer { lane?.close() }
        while let work = next(number, state) {
            var failure: (any Error)?
            do {
                let worker = try lane ?? make()
                lane = worker
                try perform(work, on: worker, number, state)
            } catch {
                failure = error
            }
            state.update { state in
                state.lanes[number].isBusy = false
                state.lanes[number].failure = failure
                if let lane { state.lanes[number].left = lane.left }
            }
        }
    }

    /// Nil when it is over.
    private static func next(_ number: Int, _ state: Monitor<State>) -> Work? {
        let work = state.wait(for: nil) { state -> Work?? in
            if state.isClosed { return .some(nil) }
            guard let work = state.lanes[number].work else { return nil }
            state.lanes[number].work = nil
            state.lanes[number].isBusy = true
            return .some(work)
        }
        return work ?? nil
    }

    private static func perform(_ work: Work, on lane: ShadowLane, _ number: Int, _ state: Monitor<State>) throws {
        switch work {
        case .read(let bounds, let letters, let deadline):
            try lane.read(to: bounds, without: letters, until: deadline) {
                let isStopped = state.update { state in
                    state.lanes[number].next = lane.next
                    return state.isStopped
                }
                if isStopped { throw ShadowLane.StillBehind() }
            }
        case .letIn(let letters): try lane.letIn(letters)
        }
    }
}
