import CLibpq

extension Connection {
    /// Reads a result of any size in bounded memory: a cursor, `size` rows at a time, all of one snapshot. `body`
    /// may use the connection, and stops the reading by throwing. Outside a transaction it opens one for the time.
    ///
    /// The time limit for statements holds for each fetch, so a slow `body` isn't punished, except by
    /// `idleInTransactionTimeout`.
    public func readInBatches(
        of size: Int = 1000, _ sql: String, _ parameters: [Parameter] = [], _ body: (Rows) throws -> Void
    ) throws {
        precondition(size > 0, "a batch of \(size) rows")
        guard transactionState == .open else {
            return try transaction { connection in
                try connection.readInBatches(of: size, sql, parameters, body)
            }
        }
        openCursors += 1
        // A name per depth; CLOSE goes out with the next statement, so the name is free again by then.
        let name = "c\(openCursors)"
        defer {
            openCursors -= 1
            if isUsable, transactionState == .open, PQtransactionStatus(link.raw) == PQTRANS_INTRANS {
                preamble.append("CLOSE \(name)")
            }
        }
        let fetch = Pipeline.Statement(sql: "FETCH \(size) FROM \(name)", parameters: [], isKept: false)
        let declare = Pipeline.Statement(
            sql: "DECLARE \(name) NO SCROLL CURSOR FOR \(sql)", parameters: parameters, isKept: false)
        var rows = try perform([declare, fetch])[1]
        while rows.count > 0 {
            try body(Rows(rows))
            if rows.count < size { break }
            try ensureReady()
            rows = try perform([fetch])[0]
        }
    }
}
