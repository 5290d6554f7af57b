import DequeModule
import Execution

/// Calls of the gateway that wait for one under way to end: express ones first, the others as they have come. Where one
/// ends the next begins at once, without a look into the database in between.
///
/// A value: it knows the time that it is told.
struct CallLine {
    /// Calls at once.
    let limit: Int
    private(set) var underWay = 0
    private(set) var isClosed = false
    private var express: Deque<GatewayCalls.Job> = []
    private var ordinary: Deque<GatewayCalls.Job> = []
    /// Calls of express orders are expected.
    private var alert = UrgencyAlert()

    init(limit: Int) { self.limit = limit }

    mutating func append(_ job: GatewayCalls.Job, at now: ContinuousClock.Instant) {
        if job.isExpress {
            alert.raise(at: now)
            express.append(job)
        } else {
            ordinary.append(job)
        }
    }

    /// The call that is to begin now, which is under way with this; nil where there is none, or no room.
    mutating func next(at now: ContinuousClock.Instant) -> GatewayCalls.Job? {
        guard !isClosed else { return nil }
        if underWay < limit, let job = express.popFirst() {
            underWay += 1
            return job
        }
        let kept = alert.isOn(at: now) ? Self.keptForExpress(of: limit) : 0
        guard underWay < limit - kept, let job = ordinary.popFirst() else { return nil }
        underWay += 1
        return job
    }

    mutating func ended() { underWay -= 1 }

    /// No call begins any more. Returns those that wait.
    mutating func close() -> [GatewayCalls.Job] {
        isClosed = true
        defer { (express, ordinary) = ([], []) }
        return Array(express + ordinary)
    }

    /// How many of `limit` calls ordinary orders leave to express ones while those are expected: one in eight, but never
    /// all.
    static func keptForExpress(of limit: Int) -> Int { min(max(1, limit / 8), limit - 1) }
}

/// How long calls of the gateway take, and how many may therefore wait in line.
struct CallTimes {
    /// A line is for the time between two commits of a consumer on a busy machine, which bring it what comes next. What
    /// is in it can't be taken by another process, so it is no longer.
    static let span: Duration = .milliseconds(250)
    static let longest = 1_024
    /// How much the latest call counts.
    private static let weight = 1.0 / 32
    private static let shortest: Duration = .milliseconds(1)

    private var mean: Duration?

    mutating func note(_ duration: Duration) {
        mean = mean.map { $0 + (duration - $0) * Self.weight } ?? duration
    }

    /// How many calls will begin within `span` behind so many at once; none before a call has ended.
    func line(behind limit: Int) -> Int {
        guard let mean else { return 0 }
        return min(Self.longest, Int(Double(limit) * (Self.span / max(mean, Self.shortest))))
    }
}
