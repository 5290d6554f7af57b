import Execution
import Postgres

/// Watches for transactions that have been left open for long, as any role may: one that isn't a monitor's isn't
/// told when others began, so that the watch remembers when it first saw them.
package struct LongTransactions: Sendable {
    /// One that has been open for longer than a job of ours takes, and for how long at least.
    package struct Finding: Sendable, Equatable {
        package let transaction: OpenTransaction
        /// Microseconds.
        package let age: Int64
        package let holds: OpenTransaction.Kind
    }

    /// Longer ones are worth a person's look.
    package static let limit: Duration = .seconds(300)

    private let kinds: [OpenTransaction.Kind]
    private var sightings: [OpenTransaction.Kind: (transaction: OpenTransaction, since: Int64)] = [:]

    /// - Parameter readsLog: those matter too then that keep the log.
    package init(readsLog: Bool) {
        kinds = readsLog ? [.holdingRowsHere, .writingAnywhere] : [.holdingRowsHere]
    }

    /// - Parameter now: microseconds since the Unix epoch.
    package mutating func look(on connection: Connection, at now: Int64) throws -> [Finding] {
        try kinds.compactMap { kind in
            note(try OpenTransaction.oldest(kind, on: connection), holding: kind, at: now)
        }
    }

    mutating func note(_ oldest: OpenTransaction?, holding kind: OpenTransaction.Kind, at now: Int64) -> Finding? {
        guard let oldest else {
            sightings[kind] = nil
            return nil
        }
        let isKnown = sightings[kind].map { $0.transaction.isSame(as: oldest) } ?? false
        let since = min(oldest.begun ?? now, isKnown ? sightings[kind]?.since ?? now : now)
        sightings[kind] = (oldest, since)
        let (age, overflows) = now.subtractingReportingOverflow(since)
        return !overflows && age >= Self.limit.microseconds ? Finding(transaction: oldest, age: age, holds: kind) : nil
    }
}

extension LongTransactions.Finding: CustomStringConvertible {
    package var description: String {
        let kept =
            switch holds {
            case .holdingRowsHere: "what is deleted since then can't be cleaned up, and queues get slower"
            case .writingAnywhere: "the server keeps its log since then for the relays' slots"
            }
        return "\(transaction) has had a transaction open for \(age / 60_000_000) min: \(kept)"
    }
}
