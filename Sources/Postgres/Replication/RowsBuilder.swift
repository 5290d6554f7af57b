import CLibpq

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Rows that came another way than as a statement's result, to be read as if they were one: libpq's own structure is
/// filled (PostgreSQL 15 documentation, 34.11, `PQsetvalue`). Values are in PostgreSQL's binary format.
public final class RowsBuilder {
    private var result: OpaquePointer?
    private let columns: [(name: String, type: UInt32)]
    private let source: String
    public private(set) var count = 0
    /// Of all values.
    public private(set) var bytes = 0

    /// - Parameters:
    ///   - columns: with their `pg_type.oid`.
    ///   - source: where they come from, for errors.
    public init(columns: [(name: String, type: UInt32)], source: String) {
        self.columns = columns
        self.source = source
    }

    deinit { PQclear(result) }

    /// - Parameter values: as many as there are columns; nil is NULL. They are copied.
    public func append(_ values: [UnsafeRawBufferPointer?]) throws(PostgresError) {
        let result = try begun()
        guard values.count == columns.count, let row = Int32(exactly: count) else {
            throw PostgresError(.misuse, "\(values.count) values for \(columns.count) columns", sql: source)
        }
        for (column, value) in zip(Int32(0)..., values) {
            guard let length = Int32(exactly: value?.count ?? -1) else {
                throw PostgresError(.decoding, "a value of \(value?.count ?? 0) bytes", sql: source)
            }
            // It is read, whatever the type says. Without an address it would be NULL, and an empty value may have none.
            let start = value.map { UnsafeMutableRawPointer(mutating: $0.baseAddress ?? UnsafeRawPointer(result)) }
            guard PQsetvalue(result, row, column, start?.assumingMemoryBound(to: CChar.self), length) == 1 else {
                throw Self.outOfMemory
            }
            bytes += value?.count ?? 0
        }
        count += 1
    }

    /// All rows so far. The builder is empty again.
    public func take() throws(PostgresError) -> Rows {
        let taken = try begun()
        result = nil
        count = 0
        bytes = 0
        return Rows(Rows.Storage(taken, sql: source))
    }

    private func begun() throws(PostgresError) -> OpaquePointer {
        if let result { return result }
        guard let new = PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK) else { throw Self.outOfMemory }
        let names = columns.map { strdup($0.name) }
        defer { for name in names { free(name) } }
        var attributes = zip(columns, names).map { column, name in
            pgresAttDesc(
                name: name, tableid: 0, columnid: 0, format: 1, typid: column.type, typlen: -1, atttypmod: -1)
        }
        guard PQsetResultAttrs(new, Int32(columns.count), &attributes) == 1 else {
            PQclear(new)
            throw Self.outOfMemory
        }
        result = new
        return new
    }

    private static var outOfMemory: PostgresError { PostgresError(.connection, "out of memory") }
}
