import Kafka
import Logging
import Postgres

/// Folds a read model's topics once more, into temporary tables, and holds the live ones against them, all rows of them.
/// Changes nothing, and holds nobody up: the live group goes on meanwhile.
///
/// A row that differs is looked at twice, since the group may have been ahead of what was folded. Between the two looks
/// all is folded that the group had handled by then; a row that hasn't changed between them was so at that moment, and
/// what it differs from then is what its facts say.
public struct ModelComparison {
    private let model: ReadModel
    private let columns: [String]?
    private let kafka: KafkaConfiguration
    private let logger: Logger

    /// Records folded in one transaction.
    private static let window = 20_000
    /// How long the brokers may be silent.
    private static let patience: Duration = .seconds(20)
    /// Records that are soon caught up with.
    private static let shortWay = 2_000
    /// Rows of a table that are looked at a second time, and those that are told of.
    private static let suspects = 10_000
    private static let limit = 1_000

    /// - Parameter columns: that are compared, where not all of them are.
    public init(_ model: ReadModel, comparing columns: [String]? = nil, kafka: KafkaConfiguration, logger: Logger) {
        self.model = model
        self.columns = columns
        self.kafka = kafka
        self.logger = logger
    }

    /// Blocks the calling thread for as long as it takes to read the topics.
    ///
    /// - Parameters:
    ///   - connection: a session of its own, in which the live tables' names mean the temporary ones afterwards.
    ///   - onProgress: called with the records folded and those left, some thousands at a time.
    /// - Returns: the keys of rows that aren't what was said, with words on how: at most 1 000 of each table.
    /// - Throws: `RebuildError` where the topics haven't got all that the group has handled.
    public func run(
        on connection: Connection, onProgress: (_ folded: Int, _ left: Int64) -> Void = { _, _ in }
    ) throws -> [(key: String, text: String)] {
        let live = try makeTables(on: connection)
        var folding = Folding(
            source: ShadowSource(kafka, from: [:], patience: Self.patience, logger: logger),
            admin: try Admin(kafka, logger: logger),
            fold: model.fold(Self.window))
        // The first pass may take long, and what the group did meanwhile isn't to be taken for differences.
        for _ in 0..<10 {
            if try foldAll(&folding, on: connection, onProgress) < Self.shortWay { break }
        }
        var found: [(key: String, text: String)] = []
        try connection.withStatementTimeout(.seconds(3600)) { connection in
            for table in model.tables {
                try connection.script("ANALYZE \(table)")
                try look(at: table, live, on: connection)
            }
        }
        _ = try foldAll(&folding, on: connection, onProgress)
        try connection.withStatementTimeout(.seconds(3600)) { connection in
            for table in model.tables { found += try lookAgain(at: table, live, on: connection) }
        }
        return found
    }

    /// Returns the schema of the live tables, quoted.
    private func makeTables(on connection: Connection) throws -> String {
        let live = try ShadowSchema(model, on: connection).live
        try connection.script(
            model.tables.map { "CREATE TEMPORARY TABLE \($0) (LIKE \(live).\($0) INCLUDING ALL);" }
                .joined(separator: "\n"))
        return live
    }

    // MARK: Folding

    private struct Folding {
        let source: ShadowSource
        let admin: Admin
        var fold: any HistoryFold
        var letters = ShadowLetters()
        /// Dead letters of the group's that were left out so far.
        var leftOut: Set<Int64> = []
        var records = 0
    }

    /// Up to where the live group is now. Returns how many records that took.
    private func foldAll(
        _ folding: inout Folding, on connection: Connection, _ onProgress: (Int, Int64) -> Void
    ) throws -> Int {
        try folding.source.extend(to: model.liveOffsets(on: connection))
        try folding.source.positions.checkTopics(folding.admin)
        folding.letters = try folding.source.positions.letters(of: model.group, on: connection)
        let before = folding.records
        while !folding.source.isThrough {
            let count = try folding.source.take(max: Self.window, timeout: .milliseconds(200)) {
                try add(ConsumedRecord($0, by: model.reader), to: &folding)
            }
            guard count > 0 else { continue }
            folding.records += count
            try write(&folding, on: connection)
            onProgress(folding.records, folding.source.positions.remaining)
        }
        try letIn(&folding, on: connection)
        return folding.records - before
    }

    private func add(_ record: ConsumedRecord, to folding: inout Folding) throws {
        if let reason = record.unavailable { throw RebuildError("\(record.source): \(reason)") }
        guard let message = record.message else { return }
        if let letter = folding.letters.id(of: record.source) {
            folding.leftOut.insert(letter)
            return
        }
        // What can't be handled is left out, as the group has left it out.
        try? folding.fold.add(message)
    }

    /// Letters that the group has handled since they were left out.
    private func letIn(_ folding: inout Folding, on connection: Connection) throws {
        guard !folding.leftOut.isEmpty else { return }
        let handled = try connection.query(
            "SELECT id FROM dead_letters WHERE id = ANY($1::bigint[]) AND status = 'handled' ORDER BY id",
            [.int8Array(folding.leftOut.sorted())]
        ).map { try $0.get(0, as: Int64.self) }
        guard !handled.isEmpty else { return }
        for letter in try StoredLetter.letters(handled, on: connection) {
            if let message = try letter.message(by: model.reader) { try? folding.fold.add(message) }
        }
        folding.leftOut.subtract(handled)
        try write(&folding, on: connection)
    }

    private func write(_ folding: inout Folding, on connection: Connection) throws {
        let fold = folding.fold
        folding.fold = model.fold(Self.window)
        try connection.transaction { try fold.write(on: $0) }
    }

    // MARK: Comparing

    /// Notes the rows that differ.
    private func look(at table: String, _ live: String, on connection: Connection) throws {
        let (from, key) = try sides(of: table, live, on: connection)
        try connection.script(
            """
            CREATE TEMPORARY TABLE suspect_\(table) AS
            SELECT \(key) AS row_key, \(text("l")) AS said \(from)
            WHERE \(text("l")) IS DISTINCT FROM \(text("r")) LIMIT \(Self.suspects)
            """)
    }

    /// Of those, the ones that haven't changed and differ still.
    private func lookAgain(
        at table: String, _ live: String, on connection: Connection
    ) throws -> [(key: String, text: String)] {
        let (from, key) = try sides(of: table, live, on: connection)
        return try connection.query(
            """
            SELECT found.row_key, found.is_there, found.is_said FROM (
                SELECT \(key) AS row_key, \(text("l")) AS said, l.tenant IS NOT NULL AS is_there,
                       r.tenant IS NOT NULL AS is_said
                \(from)
                WHERE \(text("l")) IS DISTINCT FROM \(text("r"))
            ) AS found
            JOIN suspect_\(table) s ON s.row_key = found.row_key AND s.said IS NOT DISTINCT FROM found.said
            ORDER BY found.row_key LIMIT \(Self.limit)
            """
        ).map { row in
            let (isThere, isSaid) = (try row.get(1, as: Bool.self), try row.get(2, as: Bool.self))
            return (
                try row.get(0, as: String.self),
                isThere ? (isSaid ? "isn't what was said" : "is there, and nothing was said of it") : "isn't there"
            )
        }
    }

    /// Both tables side by side, and the text of a row's key.
    private func sides(
        of table: String, _ live: String, on connection: Connection
    ) throws -> (from: String, key: String) {
        let keys = try TableCheck.key(of: "\(live).\(table)", on: connection)
        let from = """
            FROM \(model.rows(of: "\(live).\(table)")) l
            FULL JOIN \(model.rows(of: "pg_temp.\(table)")) r USING (\(keys.joined(separator: ", ")))
            """
        return (from, "concat_ws(' ', \(keys.joined(separator: ", ")))")
    }

    /// What is compared of a row; null where there is none.
    private func text(_ side: String) -> String {
        guard let columns else { return "\(side)::text" }
        return "CASE WHEN \(side).tenant IS NOT NULL THEN "
            + "ROW(\(columns.map { "\(side).\($0)" }.joined(separator: ", ")))::text END"
    }
}
