import Logging
import OrderflowKit
import Postgres

/// Tells requests that a batch has changed.
///
/// What this process commits wakes the watch; what others do is seen within a second. Looks are a tenth of a second
/// apart: a batch's counts change with every commit that ends orders.
typealias BatchWatch = RequestWatch<BatchInterest, BatchState>

/// What a client waits for.
struct BatchInterest: Sendable {
    enum Change: Sendable, Hashable {
        /// A state with another tag.
        case other(than: String)
        case completed
    }

    let key: BatchKey
    var change: Change

    fileprivate func isMet(by state: BatchState) -> Bool {
        switch change {
        case .other(let known): state.tag != known
        case .completed: state.stage == .completed
        }
    }
}

extension RequestWatch where Interest == BatchInterest, Seen == BatchState {
    convenience init(
        _ database: ConnectionPool, waits: Places, streams: Places,
        isDraining: @escaping @Sendable () -> Bool = { false }, logger: Logger
    ) {
        self.init(
            "batch", database, waits: waits, streams: streams, pace: .milliseconds(100), isDraining: isDraining,
            logger: logger, remember: { $0.change = .other(than: $1.tag) }
        ) { interests, connection, tell in
            // In the name of each tenant in turn: PostgreSQL shows a look no rows of others.
            for (tenant, own) in Dictionary(grouping: interests, by: \.interest.key.tenant) {
                let wanted = Set(own.map(\.interest.key.batchID)).sorted()
                let found = try connection.acting(for: tenant) { try BatchState.load(wanted, of: tenant, on: $0) }
                for (id, interest) in own {
                    guard let state = found[interest.key.batchID], interest.isMet(by: state) else { continue }
                    tell(id, state)
                }
            }
            return true
        }
    }
}
