import CLibpq

/// What a statement returned, in libpq's memory: reading a value copies only what is asked for.
/// Keeping a row keeps the whole result.
public struct Rows: RandomAccessCollection, Sendable {
    let result: Storage

    init(_ result: Storage) { self.result = result }

    public var startIndex: Int { 0 }
    public var endIndex: Int { result.count }

    public subscript(position: Int) -> Row {
        precondition(position >= 0 && position < result.count, "row \(position) of \(result.count)")
        return Row(result: result, index: Int32(position))
    }

    public var columnNames: [String] { (0..<result.columns).map { result.name(of: $0) } }

    /// Rows inserted, updated, deleted or selected, by the server's count.
    public var affected: Int { result.affected }

    /// The server's word for what was done, such as `INSERT 0 3`.
    public var commandTag: String { result.commandTag }

    /// The only row. None or several are an error.
    public func one() throws(PostgresError) -> Row {
        guard count == 1 else {
            throw PostgresError(.decoding, "\(count) rows where one was expected", sql: result.sql)
        }
        return self[0]
    }
}

public struct Row: Sendable {
    let result: Rows.Storage
    let index: Int32

    public var columnCount: Int { result.columns }

    public func isNull(_ column: Int) -> Bool { result.value(index, column)?.bytes == nil }

    /// The value of a column, from 0. A NULL is an error unless `Value` is optional.
    public func get<Value: PostgresDecodable>(_ column: Int, as type: Value.Type = Value.self) throws(PostgresError)
        -> Value
    {
        guard let value = result.value(index, column) else { throw noSuchColumn(column) }
        do {
            return try Value(postgres: value)
        } catch {
            throw PostgresError(
                .decoding,
                "column \(column) (\(result.name(of: column)), \(TypeOID.name(value.type))) as \(Value.self): \(error.reason)",
                sql: result.sql)
        }
    }

    /// The bytes as the server sent them, valid during `body` only: text, json and jsonb are UTF-8, other types
    /// are in PostgreSQL's binary format. A NULL is an error; ask `isNull` first where there can be one.
    public func withBytes<Output>(_ column: Int, _ body: (UnsafeRawBufferPointer) throws -> Output) throws -> Output {
        guard let value = result.value(index, column) else { throw noSuchColumn(column) }
        guard let bytes = value.textBytes else {
            throw PostgresError(
                .decoding, "column \(column) (\(result.name(of: column))) is NULL", sql: result.sql)
        }
        return try withExtendedLifetime(result) { try body(bytes) }
    }

    private func noSuchColumn(_ column: Int) -> PostgresError {
        PostgresError(.decoding, "column \(column) of \(result.columns)", sql: result.sql)
    }
}

extension Rows {
    /// Owns a `PGresult`.
    ///
    /// `@unchecked Sendable`: a complete PGresult is never written again, the accessors below only read it, and it
    /// is cleared once, in `deinit`.
    final class Storage: @unchecked Sendable {
        private let raw: OpaquePointer
        let sql: String
        let count: Int
        let columns: Int

        init(_ raw: OpaquePointer, sql: String) {
            self.raw = raw
            self.sql = sql
            count = Int(PQntuples(raw))
            columns = Int(PQnfields(raw))
        }

        deinit { PQclear(raw) }

        /// The value, or nil when there is no such column. The bytes live as long as this object.
        func value(_ row: Int32, _ column: Int) -> PostgresValue? {
            guard column >= 0, column < columns else { return nil }
            let column = Int32(column)
            let type = PQftype(raw, column)
            if PQgetisnull(raw, row, column) == 1 { return PostgresValue(bytes: nil, type: type) }
            let start = PQgetvalue(raw, row, column)
            return PostgresValue(
                bytes: UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(raw, row, column))), type: type)
        }

        func name(of column: Int) -> String { PQfname(raw, Int32(column)).map { String(cString: $0) } ?? "?" }

        var commandTag: String { PQcmdStatus(raw).map { String(cString: $0) } ?? "" }

        var affected: Int { PQcmdTuples(raw).flatMap { Int(String(cString: $0)) } ?? 0 }
    }
}
