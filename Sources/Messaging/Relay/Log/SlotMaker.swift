import Execution
import Logging
import Postgres

/// Makes a slot on a thread and sessions of its own: that may have to wait for others' transactions for long, and windows
/// go on meanwhile.
final class SlotMaker: Sendable {
    private let result = Monitor<Result<Void, any Error>?>(nil)
    private let begun = ContinuousClock.now

    /// For the transactions that it has to wait for.
    private static let limit: Duration = .seconds(300)
    private static let usual: Duration = .seconds(10)

    init(
        for source: RelaySource, in database: PostgresConfiguration, until stop: StopSignal, logger: Logger,
        onEnd: @escaping @Sendable () -> Void
    ) {
        DedicatedThread.start("relay-slot") { [result] in
            let outcome = Result {
                try RelaySlots.make(for: source, in: database, within: Self.limit, until: stop, logger: logger)
            }
            result.update { $0 = outcome }
            onEnd()
        }
    }

    /// Nil while it is at it.
    var outcome: Result<Void, any Error>? { result.withLock { $0 } }

    /// It takes longer than it does where nothing is in the way.
    var isLate: Bool { outcome == nil && begun.duration(to: .now) > Self.usual }
}
