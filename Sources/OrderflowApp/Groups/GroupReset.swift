import JSON
import Kafka
import Messaging
import OrderflowKit
import Postgres

/// Moves the offsets of one of orderflow's groups, in its database and, as a hint for others, in Kafka.
///
/// A move back has records read again, which does nothing twice: the group's inbox knows what it has handled, and the
/// handlers of all groups are idempotent by their own keys. A move forward passes over records for good.
struct GroupReset {
    enum Target: Hashable, Sendable {
        case earliest, latest
        case offset(Int64)
        /// The first record not older, microseconds since the Unix epoch.
        case time(Int64)
    }

    struct Move: Hashable, Sendable {
        let partition: TopicPartition
        /// Nil where the group has never read.
        let from: Int64?
        let to: Int64
        let marks: Watermarks

        /// Records that the group has read, and will again.
        var again: Int64 { max(0, min(from ?? marks.low, marks.high) - to) }
        /// Records that it hasn't read, and never will.
        var skipped: Int64 { max(0, to - max(from ?? marks.low, marks.low)) }
    }

    let group: String
    let database: ServiceDatabase
    let admin: Admin

    /// What would be moved where. An offset that a partition doesn't hold becomes the nearest that it does.
    func plan(_ target: Target, _ positions: [GroupPosition]) throws -> [Move] {
        let byTime: [TopicPartition: Int64] =
            if case .time(let time) = target {
                try admin.offsets(notBefore: ReplayRequest.milliseconds(time), of: positions.map(\.partition))
            } else { [:] }
        return positions.map { position in
            let marks = position.marks
            let wanted =
                switch target {
                case .earliest: marks.low
                case .latest: marks.high
                case .offset(let offset): offset
                case .time: byTime[position.partition] ?? marks.high
                }
            return Move(
                partition: position.partition, from: position.next, to: min(max(wanted, marks.low), marks.high),
                marks: marks)
        }
    }

    /// What a move does that one might not expect, a line each.
    func consequences(_ moves: [Move], on connection: Connection) throws -> [String] {
        var lines: [String] = []
        let again = moves.reduce(0) { $0 + $1.again }
        if again > 0 {
            let memory = try ConsumerProgress.remembersSince(group, on: connection).map {
                "what its inbox knows (since \(RFC3339.text($0))) isn't handled again"
            }
            lines.append(
                "\(group) reads \(again) records again; \(memory ?? "it is idempotent by its own keys, without an inbox")"
            )
        }
        let skipped = moves.reduce(0) { $0 + $1.skipped }
        if skipped > 0 { lines.append("\(group) passes over \(skipped) records that it hasn't read: it never will") }
        return lines
    }

    /// Moves both or neither, as far as two systems can: PostgreSQL commits when Kafka has agreed.
    ///
    /// - Parameter membersAreDead: the operator knows that members Kafka still lists are gone. Kafka may refuse its part
    ///   then; that is returned, and does no harm.
    func apply(
        _ moves: [Move], membersAreDead: Bool, by actor: AuditActor, note: String?, on connection: Connection
    ) throws -> KafkaError? {
        let offsets = Dictionary(uniqueKeysWithValues: moves.map { ($0.partition, $0.to) })
        try refuseWhileActive(membersAreDead: membersAreDead, on: connection)
        return try connection.transaction { connection in
            try ConsumerProgress.move(group, to: offsets, on: connection)
            // Again: a daemon may have started meanwhile.
            try refuseWhileActive(membersAreDead: membersAreDead, on: connection)
            try AuditLog.append(entry(moves, by: actor, note: note), on: connection)
            do {
                try admin.setOffsets(of: group, to: offsets)
                return nil
            } catch let error as KafkaError where membersAreDead {
                return error
            }
        }
    }

    private func entry(_ moves: [Move], by actor: AuditActor, note: String?) -> AuditEntry {
        var json = JSONWriter()
        json.object { json in
            json.key("partitions")
            json.array { json in
                for move in moves {
                    json.object {
                        $0.field("topic", move.partition.topic)
                        $0.field("partition", Int64(move.partition.partition))
                        if let from = move.from { $0.field("from", from) }
                        $0.field("to", move.to)
                    }
                }
            }
        }
        return AuditEntry(by: actor, .groupReset, on: group, reason: note, detail: json.bytes)
    }

    /// A daemon at work would store its own offsets over ours. Two witnesses, since each may be wrong: a process that is
    /// cut off from its database is still a member; a member that was killed is listed until its session ends.
    private func refuseWhileActive(membersAreDead: Bool, on connection: Connection) throws {
        let role = database.owner
        let sessions = try connection.query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
            [.text(ServiceModule.applicationName(of: role))]
        ).one().get(0, as: Int64.self)
        guard sessions == 0 else {
            throw GroupError(
                "\(group) is active: orderflow \(role) is connected to its database; stop it first")
        }
        guard !membersAreDead else { return }
        let members = try admin.describe(groups: [group]).first?.members ?? []
        guard members.isEmpty else {
            throw GroupError(
                """
                \(group) is active: Kafka lists \(members.map(\.label).sorted().joined(separator: ", ")); stop it first. \
                One that was killed is listed until its session ends, 6 s later; --members-are-dead if you know better
                """)
        }
    }
}
