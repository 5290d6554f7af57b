/// How far a leader has got, and how much of that is stored.
struct RelayProgress {
    /// Everything before it is acknowledged by the broker.
    var checkpoint: RelayCheckpoint {
        didSet { if oldValue.published == stored.published, hasNews { newsSince = .now } }
    }
    private(set) var stored: RelayCheckpoint
    private var newsSince = ContinuousClock.now
    private let interval: Duration
    private let rows: Int64

    init(at checkpoint: RelayCheckpoint, configuration: Relay.Configuration) {
        self.checkpoint = checkpoint
        stored = checkpoint
        interval = configuration.checkpointInterval
        rows = Int64(configuration.checkpointRows)
    }

    /// Rows were published since. A window without any needs no checkpoint: reading it again finds nothing again.
    var hasNews: Bool { checkpoint.published != stored.published }

    /// It is time to store the checkpoint; never while there is nothing new to say. The end of a window that was paged is
    /// stored at once, so that all that a crash leaves unsaid lies in the first window of the next leader.
    var isDue: Bool {
        guard let untilDue else { return false }
        return untilDue <= .zero || checkpoint.published - stored.published >= rows
            || (stored.reach != nil && checkpoint.reach == nil)
    }

    /// How long what was published first since may stay unsaid; nil where all is said.
    var untilDue: Duration? { hasNews ? interval - newsSince.duration(to: .now) : nil }

    mutating func wasStored() { stored = checkpoint }
}
