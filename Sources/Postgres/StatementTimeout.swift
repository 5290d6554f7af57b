import CLibpq

extension Connection {
    /// Runs `body` with another limit for each statement, on the server and here. For the exceptional long one: a
    /// migration, a COPY, a report.
    ///
    /// Inside a transaction the change travels with the next statement and ends at the latest with the
    /// transaction; outside it takes a round trip before and one after.
    public func withStatementTimeout<R>(_ timeout: Duration, _ body: (Connection) throws -> R) throws -> R {
        try ensureReady()
        guard timeout >= .milliseconds(1), timeout <= .seconds(2_000_000) else {
            throw PostgresError(.misuse, "a statement timeout must be from 1 ms to 2000000 s, not \(timeout)")
        }
        let before = statementTimeout
        try set(timeout)
        let result: R
        do {
            result = try body(self)
        } catch {
            restore(before)
            throw error
        }
        restore(before)
        return result
    }

    private func set(_ timeout: Duration) throws(PostgresError) {
        let milliseconds = timeout.wholeMilliseconds
        if transactionState == .open {
            preamble.append("SET LOCAL statement_timeout = \(milliseconds)")
        } else {
            try script("SET statement_timeout = \(milliseconds)")
        }
        statementTimeout = timeout
        link.answerLimit = timeout + configuration.responseGrace
    }

    /// A rollback has restored it already, and a connection whose limit can't be restored isn't used again.
    private func restore(_ timeout: Duration) {
        guard isUsable else { return }
        if transactionState == .committed || transactionState == .failed
            || PQtransactionStatus(link.raw) == PQTRANS_INERROR
        {
            statementTimeout = timeout
            link.answerLimit = timeout + configuration.responseGrace
            return
        }
        do throws(PostgresError) { try set(timeout) } catch { _ = link.fail(error) }
    }
}
