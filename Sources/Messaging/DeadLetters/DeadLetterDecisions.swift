import JSON
import Postgres

extension DeadLetterQueue {
    /// What is notified when something was decided, for the workers that act on it.
    static let channel = "orderflow_letters"

    /// Who retries or discards a letter, and why.
    public struct Decision: Hashable, Sendable {
        public let actor: AuditActor
        public let note: String

        public init(by actor: AuditActor, note: String) {
            self.actor = actor
            self.note = note
        }
    }

    public enum Act: Sendable {
        /// The letter is handled again; a running consumer of its group is told and does so at once, or within five
        /// seconds where its connection was lost meanwhile.
        case retry
        /// The letter is given up for good, and copies of its message that a relay may yet bring. What was parked
        /// behind it is released in order.
        case discard
    }

    /// Why an operator's wish can't be met.
    public enum Refusal: Error, Sendable, CustomStringConvertible {
        case unknown(Int64)
        case notHead(Int64, head: Int64)
        case ended(Int64, status: String)

        public var description: String {
            switch self {
            case .unknown(let id): "there is no letter \(id)"
            case .notHead(let id, let head):
                "letter \(id) waits behind letter \(head) of the same key: retry or discard that one first"
            case .ended(let id, let status): "letter \(id) is \(status) already"
            }
        }
    }

    /// Does it with one letter, or says why it can't be done.
    public static func decide(_ act: Act, _ id: Int64, _ decision: Decision, on connection: Connection) throws {
        try connection.transaction { connection in
            let place = try places(of: [id], on: connection)[id]
            guard let place else { throw Refusal.unknown(id) }
            if try apply(act, [id: place], decision, on: connection).contains(id) { return }
            // Only now that the key is locked.
            let current = try show(id, on: connection)
            let head = try ParkedKeys.heads(of: [place.key], group: place.group, on: connection)[place.key]
            if let head, ["dead", "parked", "retry"].contains(current.status) {
                throw Refusal.notHead(id, head: head.id)
            }
            throw Refusal.ended(id, status: current.status)
        }
    }

    /// Where a letter waits.
    private struct Place: Hashable {
        let group: String
        let key: ParkingKey
    }

    private static func places(of ids: [Int64], on connection: Connection) throws -> [Int64: Place] {
        var places: [Int64: Place] = [:]
        for row in try connection.query(
            "SELECT id, consumer_group, topic, key FROM dead_letters WHERE id = ANY($1)", [.int8Array(ids)])
        {
            places[try row.get(0, as: Int64.self)] = Place(
                group: try row.get(1, as: String.self),
                key: ParkingKey(topic: try row.get(2, as: String.self), key: try row.get(3, as: String.self)))
        }
        return places
    }

    /// Decides on those of `letters` that are the first open ones of their keys, and returns them. Locks the keys.
    private static func apply(
        _ act: Act, _ letters: [Int64: Place], _ decision: Decision, on connection: Connection
    ) throws -> Set<Int64> {
        var decided: Set<Int64> = []
        var entries: [AuditEntry] = []
        for (group, letters) in Dictionary(grouping: letters, by: \.value.group).sorted(by: { $0.key < $1.key }) {
            let keys = Set(letters.map(\.value.key))
            _ = try ParkedKeys.lock(keys, group: group, on: connection)
            let wanted = Set(letters.map(\.key))
            let heads = try ParkedKeys.heads(of: keys, group: group, on: connection).filter {
                wanted.contains($0.value.id)
            }
            let ids = heads.values.map(\.id).sorted()
            guard !ids.isEmpty else { continue }
            decided.formUnion(ids)
            if act == .discard {
                // Under a forged letter's name the real message may yet come.
                let messages = try StoredLetter.letters(ids, withValues: false, on: connection)
                    .filter { !$0.key.isForged }.map { try $0.identity() }
                _ = try Inbox.claim(group: group, Set(messages).sorted(), on: connection)
            }
            _ = try connection.execute(
                """
                UPDATE dead_letters
                SET status = $2, updated_at = now(), decided_by = $3, decision_note = $4, decided_at = now()
                WHERE id = ANY($1)
                """,
                [
                    .int8Array(ids), .text(act == .retry ? "retry" : "discarded"), .text(decision.actor.shownName),
                    .text(decision.note),
                ])
            let waited = heads.filter { $0.value.status == "parked" }.mapValues { _ in 1 }
            switch act {
            case .retry: try ParkedKeys.count(waited.mapValues { -$0 }, group: group, on: connection)
            case .discard: try ParkedKeys.moveOn(heads.keys, ended: waited, group: group, on: connection)
            }
            entries.append(decision.entry(act, ids, of: group))
        }
        if !decided.isEmpty { try connection.notify(channel) }
        // Last, for others who append wait for it.
        try AuditLog.append(entries, on: connection)
        return decided
    }

    /// Does it with all letters of a filter that wait for a decision now, some hundreds in a transaction. What is done
    /// stays done when it is interrupted, and the rest is found by doing it again.
    public struct Sweep: Sendable {
        private let act: Act
        private let decision: Decision
        private let filter: Filter
        /// Letters with larger ids came later.
        private let last: Int64
        private var after: Int64 = 0
        /// Letters that waited when it began.
        public let total: Int

        private static let batch = 500

        public init(_ act: Act, _ filter: Filter, _ decision: Decision, on connection: Connection) throws {
            self.act = act
            self.filter = filter
            self.decision = decision
            let row = try connection.query(
                """
                SELECT count(*), coalesce(max(id), 0) FROM dead_letters WHERE \(Self.waiting)
                """, filter.parameters
            ).one()
            total = Int(try row.get(0, as: Int64.self))
            last = try row.get(1, as: Int64.self)
        }

        private static let waiting = """
            status = 'dead' AND ($1::text IS NULL OR consumer_group = $1) AND ($2::text IS NULL OR topic = $2)
            """

        /// The next ones, done in a transaction; nil at the end. Fewer than there were where another operator was faster.
        public mutating func next(on connection: Connection) throws -> [Int64]? {
            let ids = try connection.query(
                """
                SELECT id FROM dead_letters WHERE \(Self.waiting) AND status IN ('dead', 'retry') AND id > $3 AND id <= $4
                ORDER BY id LIMIT $5
                """, filter.parameters + [.int8(after), .int8(last), .int(Self.batch)]
            ).map { try $0.get(0, as: Int64.self) }
            guard let end = ids.last else { return nil }
            let decided = try connection.transaction { [act, decision] connection in
                try DeadLetterQueue.apply(
                    act, DeadLetterQueue.places(of: ids, on: connection), decision, on: connection)
            }
            after = end
            return decided.sorted()
        }
    }
}

extension DeadLetterQueue.Decision {
    /// One for all letters of a group that are decided on together.
    fileprivate func entry(_ act: DeadLetterQueue.Act, _ letters: [Int64], of group: String) -> AuditEntry {
        var json = JSONWriter()
        json.object { json in
            json.key("letters")
            json.array { json in for id in letters { json.value(id) } }
        }
        return AuditEntry(
            by: actor, act == .retry ? .lettersRetried : .lettersDiscarded, on: group, reason: note, detail: json.bytes)
    }
}
