/// The SQL of a replica: all of it follows from the declaration, and none from what comes in.
///
/// The statements that take rows take them as arrays, one a column: the tenants, the key's columns, then the columns of
/// each part, with those that say which fact it is from.
struct ReplicaStatements: Sendable {
    /// Of the parts, in the table's order.
    let columns: [ReplicaColumnType]
    let definition: String
    /// Inserts rows and updates those that the rule lets them.
    let save: String
    /// Rows, one flag more for each (whether its columns are judged at all) and one for each column that isn't always
    /// judged: the places, from 1, of those that the table hasn't got as it should, and what is wrong in words.
    let differences: String
    /// A condition on rows of which nothing was said yet; nil where there are none.
    let awaited: String?

    private let table: String

    init(_ table: String, key: [String], _ rule: Replica.Rule, _ parts: [ReplicaPart]) {
        self.table = table
        columns = parts.flatMap { part in
            guard rule == .latest else { return part.columns }
            let since = part.columns.map(\.since).min() ?? 1
            return part.columns + [
                ReplicaColumnType(name: "\(part.name)_at", type: .timestamptz, since: since, isAlwaysJudged: true),
                ReplicaColumnType(name: "\(part.name)_message", type: .text, since: since, isAlwaysJudged: true),
            ]
        }
        let keys = ["tenant"] + key
        let lines =
            keys.map { "\($0) text NOT NULL" }
            + columns.filter { $0.since == 1 }.map { "\($0.name) \($0.type.rawValue)" }
            + ["PRIMARY KEY (\(keys.joined(separator: ", ")))"]
        definition = "CREATE TABLE \(table) (\n    \(lines.joined(separator: ",\n    "))\n);"
        if case .first(let column?) = rule { awaited = "\(column) = ''" } else { awaited = nil }
        let names = keys + columns.map(\.name)
        let arrays =
            keys.indices.map { "$\($0 + 1)::text[]" }
            + columns.enumerated().map { $1.type.array(parameter: keys.count + $0 + 1) }
        let (changes, condition) = Self.change(rule, parts)
        save = """
            INSERT INTO \(table) AS known (\(names.joined(separator: ", ")))
            SELECT * FROM unnest(\(arrays.joined(separator: ", ")))
            ON CONFLICT (\(keys.joined(separator: ", "))) DO UPDATE SET
                \(changes.joined(separator: ", "))
            WHERE \(condition)
            """
        let flagged = columns.filter { !$0.isAlwaysJudged }
        let flags = ["is_judged"] + flagged.map { "\($0.name)_is_judged" }
        let judged = arrays + flags.indices.map { "$\(names.count + $0 + 1)::boolean[]" }
        let others = Self.others(rule, parts)
        let isOther = others.map { "(\($0.condition))" }.joined(separator: " OR ")
        let whichOthers = others.map { "CASE WHEN \($0.condition) THEN '\($0.name)' END" }.joined(separator: ", ")
        let isOlder = Self.older(rule, parts, than: "said")
        let join = keys.map { "known.\($0) = said.\($0)" } + (awaited.map { ["(known.\($0)) IS NOT TRUE"] } ?? [])
        differences = """
            SELECT said.place, CASE
                WHEN known.tenant IS NULL THEN 'isn''t there'
                WHEN \(isOlder) THEN 'is of an earlier fact than the last one'
                ELSE 'has another ' || concat_ws(', ', \(whichOthers)) END
            FROM unnest(\(judged.joined(separator: ", "))) WITH ORDINALITY
                AS said (\((names + flags).joined(separator: ", ")), place)
            LEFT JOIN \(table) known ON \(join.joined(separator: " AND "))
            WHERE known.tenant IS NULL OR (\(isOlder)) OR \(isOther)
            ORDER BY said.place
            """
    }

    func addition(since version: Int) -> String {
        columns.filter { $0.since == version }
            .map { "ALTER TABLE \(table) ADD COLUMN \($0.name) \($0.type.rawValue);" }.joined(separator: "\n")
    }

    // MARK: Parts of statements

    /// What an update sets, and of which rows.
    private static func change(_ rule: Replica.Rule, _ parts: [ReplicaPart]) -> (sets: [String], condition: String) {
        switch rule {
        case .latest:
            let sets = parts.flatMap { part in
                (part.columns.map(\.name) + ["\(part.name)_at", "\(part.name)_message"]).map {
                    "\($0) = CASE WHEN \(isLater(part, "excluded")) THEN excluded.\($0) ELSE known.\($0) END"
                }
            }
            return (sets, older(rule, parts, than: "excluded"))
        case .first(let awaited):
            let names = parts.flatMap { $0.columns.map(\.name) }
            func row(_ of: String) -> String { "ROW(\(names.map { "\(of).\($0)" }.joined(separator: ", ")))" }
            let removal = "(\(row("excluded")) IS NULL AND NOT (\(row("known")) IS NULL))"
            return (
                names.map { "\($0) = excluded.\($0)" }, (awaited.map { "known.\($0) = '' OR " } ?? "") + removal
            )
        }
    }

    /// Whether `said` tells of some part something later than the row has.
    private static func older(_ rule: Replica.Rule, _ parts: [ReplicaPart], than said: String) -> String {
        guard rule == .latest else { return "false" }
        return parts.map { isLater($0, said) }.joined(separator: " OR ")
    }

    private static func isLater(_ part: ReplicaPart, _ said: String) -> String {
        func version(_ of: String) -> String { "(\(of).\(part.name)_at, \(of).\(part.name)_message COLLATE \"C\")" }
        return "coalesce(\(version(said)) > \(version("known")), "
            + "\(said).\(part.name)_at IS NOT NULL AND known.\(part.name)_at IS NULL)"
    }

    /// Of each column, whether it isn't what the fact that it is from has said.
    private static func others(_ rule: Replica.Rule, _ parts: [ReplicaPart]) -> [(name: String, condition: String)] {
        var found: [(name: String, condition: String)] = []
        for part in parts {
            let isSameFact =
                "coalesce((known.\(part.name)_at, known.\(part.name)_message) = "
                + "(said.\(part.name)_at, said.\(part.name)_message), false)"
            for column in part.columns {
                var condition = "known.\(column.name) IS DISTINCT FROM said.\(column.name) AND said.is_judged"
                if !column.isAlwaysJudged { condition += " AND said.\(column.name)_is_judged" }
                if rule == .latest { condition += " AND \(isSameFact)" }
                found.append((column.name, condition))
            }
        }
        return found
    }
}
