import Synchronization

/// What the customers were told: the truth that the shop is held against.
final class OrderBook: Sendable {
    struct Entry: Sendable {
        let kind: OrderKind
        /// When it is to be placed, microseconds since the Unix epoch; nil is at once.
        let placeAt: Int64?
        /// Nil while nobody has answered 201.
        var id: String?
        var attempts = 0
        /// Its customer wanted it cancelled, whatever came of that.
        var isCancellationAsked = false
        /// When that had been promised with 202, microseconds since the Unix epoch.
        var cancelledAt: Int64?

        /// Cancelled for sure while it waited for its time.
        var isCancelledInTime: Bool {
            guard let placeAt, let cancelledAt else { return false }
            return cancelledAt < placeAt
        }
    }

    struct Contents: Sendable {
        var entries: [Int: Entry] = [:]
        /// Orders that nobody took before their time had passed.
        var overdue = 0
        /// Answers that nobody should get.
        var complaints: [String] = []
        var longestWait: Duration = .zero

        var accepted: [String: Entry] {
            Dictionary(entries.values.compactMap { entry in entry.id.map { ($0, entry) } }, uniquingKeysWith: { $1 })
        }
    }

    private let contents = Mutex(Contents())

    var now: Contents { contents.withLock { $0 } }

    func open(_ number: Int, _ kind: OrderKind, placeAt: Int64?) {
        contents.withLock { $0.entries[number] = Entry(kind: kind, placeAt: placeAt) }
    }

    func overdue() { contents.withLock { $0.overdue += 1 } }

    func attempt(_ number: Int) { contents.withLock { $0.entries[number]?.attempts += 1 } }

    func accepted(_ number: Int, id: String, after wait: Duration) {
        contents.withLock { contents in
            if let known = contents.entries[number]?.id, known != id {
                contents.complaints.append("one key, two orders: \(known) and \(id)")
            }
            contents.entries[number]?.id = id
            contents.longestWait = max(contents.longestWait, wait)
        }
    }

    func asksToCancel(_ number: Int) { contents.withLock { $0.entries[number]?.isCancellationAsked = true } }

    /// - Parameter now: after the answer.
    func cancelled(_ number: Int, at now: Int64) { contents.withLock { $0.entries[number]?.cancelledAt = now } }

    func complain(_ text: String) { contents.withLock { $0.complaints.append(text) } }
}
