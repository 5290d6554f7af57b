import Synchronization

/// What the customers were told: the truth that the shop is held against.
final class OrderBook: Sendable {
    struct Entry: Sendable {
        let kind: OrderKind
        /// Nil while nobody has answered 201.
        var id: String?
        var attempts = 0
        /// Asked for and promised with 202.
        var cancellationPromised = false
    }

    struct Contents: Sendable {
        var entries: [Int: Entry] = [:]
        /// Answers that nobody should get.
        var complaints: [String] = []
        var longestWait: Duration = .zero

        var accepted: [String: Entry] {
            Dictionary(entries.values.compactMap { entry in entry.id.map { ($0, entry) } }, uniquingKeysWith: { $1 })
        }
    }

    private let contents = Mutex(Contents())

    var now: Contents { contents.withLock { $0 } }

    func open(_ number: Int, _ kind: OrderKind) { contents.withLock { $0.entries[number] = Entry(kind: kind) } }

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

    func cancelled(_ number: Int) { contents.withLock { $0.entries[number]?.cancellationPromised = true } }

    func complain(_ text: String) { contents.withLock { $0.complaints.append(text) } }
}
