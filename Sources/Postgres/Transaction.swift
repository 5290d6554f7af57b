import CLibpq

public enum IsolationLevel: String, Sendable, CaseIterable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}

enum TransactionState {
    case none, open
    /// COMMIT travelled with a pipeline; only the end of the body is left.
    case committed
    /// The pipeline with the COMMIT failed.
    case failed
}

extension Connection {
    /// Inside the body of `transaction`.
    public var isInTransaction: Bool { transactionState == .open }

    /// Runs `body` in a transaction and commits, or rolls back and rethrows when it throws.
    ///
    /// BEGIN travels with the first statement, so a transaction of n statements takes n + 1 round trips; see
    /// `pipeline(committing:)` for less. A body that sends nothing costs nothing.
    ///
    /// Throws what COMMIT failed with: `.server` (rolled back, a deferred constraint for example),
    /// `.commitUnknown` (the connection broke before the answer: it may be committed), `.transactionAborted` (the
    /// body swallowed an error; nothing was committed). Transactions don't nest; see `savepoint`.
    @discardableResult
    public func transaction<R>(
        _ isolation: IsolationLevel = .readCommitted, readOnly: Bool = false, _ body: (Connection) throws -> R
    ) throws -> R {
        try ensureReady()
        guard transactionState == .none, isOutsideTransaction else {
            throw PostgresError(.misuse, "a transaction is open already; use savepoint for a part of it")
        }
        preamble = ["BEGIN ISOLATION LEVEL \(isolation.rawValue)\(readOnly ? " READ ONLY" : "")"]
        transactionState = .open
        var isCommitted = false
        defer {
            preamble = []
            transactionState = .none
            // Whatever was set in the transaction is undone with it.
            if !isCommitted { toldTenant = nil }
            tellEnded(from: 0, isCommitted: isCommitted)
        }
        let result: R
        do {
            result = try body(self)
        } catch {
            abandon()
            throw error
        }
        try commit()
        isCommitted = true
        return result
    }

    /// Runs `body` so that its failure undoes only what it did, and rethrows. Inside `transaction` only; nests.
    /// Costs no round trip of its own unless it fails.
    @discardableResult
    public func savepoint<R>(_ body: (Connection) throws -> R) throws -> R {
        try ensureReady()
        guard transactionState == .open else { throw PostgresError(.misuse, "savepoint outside a transaction") }
        savepoints += 1
        let name = "sp\(savepoints)"
        let endings = endings.count
        preamble.append("SAVEPOINT \(name)")
        let result: R
        do {
            result = try body(self)
        } catch {
            tellEnded(from: endings, isCommitted: false)
            if !dropPending(name), isUsable, transactionState == .open {
                preamble = []
                do {
                    try plain("ROLLBACK TO SAVEPOINT \(name)")
                    preamble.append("RELEASE SAVEPOINT \(name)")
                } catch let failure {
                    // Going on without having undone the part would commit half of it.
                    _ = link.fail(failure)
                }
            }
            throw error
        }
        if transactionState == .open, !dropPending(name) { preamble.append("RELEASE SAVEPOINT \(name)") }
        return result
    }

    /// Has `body` called when the transaction under way has ended, on this thread and before `transaction` returns: with
    /// true once the server has said that it is committed, with false where it was rolled back, by a savepoint too, and
    /// where nobody knows. For what may only begin outside of the database once what asks for it can't be lost any more.
    ///
    /// `body` must not use the connection.
    public func whenEnded(_ body: @escaping (_ isCommitted: Bool) -> Void) throws(PostgresError) {
        guard transactionState == .open else {
            throw PostgresError(.misuse, "there is no transaction whose end could be waited for")
        }
        endings.append(body)
    }

    private func tellEnded(from first: Int, isCommitted: Bool) {
        guard endings.count > first else { return }
        let told = endings[first...]
        endings.removeSubrange(first...)
        for ending in told { ending(isCommitted) }
    }

    /// Whether no transaction is open on the server.
    var isOutsideTransaction: Bool { PQtransactionStatus(link.raw) == PQTRANS_IDLE }

    /// A savepoint that was never sent needs no undoing. True when it was so.
    private func dropPending(_ name: String) -> Bool {
        guard let index = preamble.firstIndex(of: "SAVEPOINT \(name)") else { return false }
        preamble.removeSubrange(index...)
        return true
    }

    var beginIsPending: Bool { preamble.first?.hasPrefix("BEGIN") == true }

    private func commit() throws(PostgresError) {
        if transactionState == .committed || beginIsPending { return }
        try link.ensureAlive()
        if transactionState == .failed {
            if !isOutsideTransaction { try rollBack() }
            throw PostgresError(.transactionAborted, "the pipeline with the COMMIT failed and its error was swallowed")
        }
        switch PQtransactionStatus(link.raw) {
        case PQTRANS_INTRANS: break
        case PQTRANS_INERROR:
            try rollBack()
            throw PostgresError(.transactionAborted, "a statement failed and its error was swallowed: rolled back")
        default: throw PostgresError(.misuse, "the transaction was ended by a statement of its own")
        }
        // COMMIT releases every savepoint.
        preamble = []
        let answer: (result: Rows.Storage?, error: PostgresError?)
        do throws(PostgresError) {
            answer = try plainAnswer("COMMIT")
        } catch {
            throw error.unknownIfLost
        }
        // Once the server has said COMMIT, a connection that breaks right after changes nothing.
        if answer.result?.commandTag == "COMMIT" { return }
        if let error = answer.error { throw error.unknownIfLost }
        throw PostgresError(.transactionAborted, "the server rolled back instead of committing")
    }

    /// Rolls back after an error. A connection on which that fails is not used again.
    private func abandon() {
        guard isUsable, !beginIsPending else { return }
        preamble = []
        do throws(PostgresError) {
            if !isOutsideTransaction { try rollBack() }
        } catch {
            _ = link.fail(error)
        }
    }

    func rollBack() throws(PostgresError) { try plain("ROLLBACK") }

    func plain(_ sql: String) throws(PostgresError) {
        if let error = try plainAnswer(sql).error { throw error }
    }

    /// A command without parameters by the simple protocol.
    func plainAnswer(_ sql: String) throws(PostgresError) -> (result: Rows.Storage?, error: PostgresError?) {
        guard PQsendQuery(link.raw, sql) == 1 else { throw sendFailure(sql) }
        try link.flush(sql)
        return try collect(sql)
    }
}
