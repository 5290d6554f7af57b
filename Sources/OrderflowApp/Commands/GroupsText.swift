import JSON
import Kafka
import Terminal

/// Consumer groups for terminals and scripts.
enum GroupsText {
    struct Row: Sendable {
        let group: GroupDescription
        /// Nil where its database can't be asked.
        let positions: [GroupPosition]?

        /// Partitions that it reads and none of its members holds.
        var ownerless: [TopicPartition] { group.ownerless(of: Set((positions ?? []).map(\.partition))) }

        var lag: Int64? { positions?.reduce(0) { $0 + $1.lag } }
    }

    static func table(_ rows: [Row]) -> TerminalText {
        TextTable.write(
            [["GROUP", "STATE", "MEMBERS", "LAG", "WITHOUT OWNER"]]
                + rows.map {
                    [
                        $0.group.name, $0.group.state, "\($0.group.members.count)", $0.lag.map { "\($0)" } ?? "?",
                        $0.ownerless.map(\.description).joined(separator: " "),
                    ]
                })
    }

    static func json(_ rows: [Row]) -> TerminalText {
        lines(rows) { row, json in
            json.field("group", row.group.name)
            json.field("state", row.group.state)
            json.key("members")
            json.array { json in for member in row.group.members { json.value(member.label) } }
            if let lag = row.lag { json.field("lag", lag) }
            json.key("withoutOwner")
            json.array { json in for partition in row.ownerless { json.value(partition.description) } }
        }
    }

    static func table(_ positions: [GroupPosition]) -> TerminalText {
        TextTable.write(
            [["TOPIC", "PARTITION", "OFFSET", "END", "LAG", "MEMBER"]]
                + positions.map {
                    [
                        $0.partition.topic, "\($0.partition.partition)", $0.next.map { "\($0)" } ?? "-",
                        "\($0.marks.high)", $0.isBeyondEnd ? "beyond the end" : "\($0.lag)", $0.member ?? "-",
                    ]
                })
    }

    static func json(_ positions: [GroupPosition]) -> TerminalText {
        lines(positions) { position, json in
            json.field("topic", position.partition.topic)
            json.field("partition", Int64(position.partition.partition))
            if let next = position.next { json.field("offset", next) }
            json.field("end", position.marks.high)
            json.field("lag", position.lag)
            json.field("beyondEnd", position.isBeyondEnd)
            json.field("member", position.member)
        }
    }

    static func table(_ moves: [GroupReset.Move]) -> TerminalText {
        TextTable.write(
            [["TOPIC", "PARTITION", "FROM", "TO", "AGAIN", "SKIPPED"]]
                + moves.map {
                    [
                        $0.partition.topic, "\($0.partition.partition)", $0.from.map { "\($0)" } ?? "-", "\($0.to)",
                        "\($0.again)", "\($0.skipped)",
                    ]
                })
    }

    static func json(_ moves: [GroupReset.Move]) -> TerminalText {
        lines(moves) { move, json in
            json.field("topic", move.partition.topic)
            json.field("partition", Int64(move.partition.partition))
            if let from = move.from { json.field("from", from) }
            json.field("to", move.to)
            json.field("again", move.again)
            json.field("skipped", move.skipped)
        }
    }

    private static func lines<Item>(_ items: [Item], _ write: (Item, inout JSONWriter) -> Void) -> TerminalText {
        items.map { item in
            var json = JSONWriter()
            json.object { write(item, &$0) }
            return TerminalText(json: json.bytes)
        }.joined()
    }
}
