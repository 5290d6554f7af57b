import CLibpq

/// Statements to send together: one round trip, results in order, nothing after a failed one is run.
public struct Pipeline {
    struct Statement {
        let sql: String
        let parameters: [Parameter]
        /// False for what must not be kept: FETCH from cursors that share a name but not their columns.
        var isKept = true
    }

    private(set) var statements: [Statement] = []

    /// Adds a statement and returns the index of its rows in the result.
    @discardableResult
    public mutating func query(_ sql: String, _ parameters: [Parameter] = []) -> Int {
        statements.append(Statement(sql: sql, parameters: parameters))
        return statements.count - 1
    }
}

extension Connection {
    /// Sends the statements that `body` adds in one go (libpq pipeline mode) and returns the rows of each.
    ///
    /// Outside a transaction they are one: all of them commit together or, if one fails, none. Inside
    /// `transaction`, `committing: true` sends the COMMIT along, so that a transaction that reads, decides and
    /// writes takes two round trips, and one that only writes takes one; the connection then refuses further
    /// statements until the transaction's body returns. COPY isn't possible in a pipeline.
    @discardableResult
    public func pipeline(committing: Bool = false, _ body: (inout Pipeline) -> Void) throws(PostgresError) -> [Rows] {
        var pipeline = Pipeline()
        body(&pipeline)
        try ensureReady()
        if committing, transactionState != .open {
            throw PostgresError(
                .misuse, "committing is for a pipeline inside a transaction; elsewhere it commits anyway")
        }
        guard committing || !pipeline.statements.isEmpty else { return [] }
        return try perform(pipeline.statements, committing: committing).map { Rows($0) }
    }

    /// Runs the preamble and the statements in one exchange, once more where only a stale plan was in the way.
    func perform(_ statements: [Pipeline.Statement], committing: Bool = false) throws(PostgresError) -> [Rows.Storage] {
        for statement in statements { try checkParameters(statement.parameters, statement.sql) }
        let autocommit = isAutocommit
        let opens = autocommit || preamble.first?.hasPrefix("BEGIN") == true
        let savedPreamble = preamble
        defer {
            // A caller that swallows the error must not go on as if there were a transaction.
            if committing, transactionState == .open { transactionState = .failed }
        }
        let writes = committing || (autocommit && !statements.allSatisfy(\.sql.isReading))
        do throws(PostgresError) {
            var exchange = Exchange(connection: self)
            do throws(PostgresError) {
                let results = try exchange.run(statements, committing: committing)
                if committing { transactionState = .committed }
                return results
            } catch {
                guard error.isStalePlan, opens, !exchange.committed else { throw error }
                if PQtransactionStatus(link.raw) != PQTRANS_IDLE { try rollBack() }
                preamble = savedPreamble
                var second = Exchange(connection: self)
                let results = try second.run(statements, committing: committing)
                if committing { transactionState = .committed }
                return results
            }
        } catch {
            throw writes ? error.unknownIfLost : error
        }
    }

    /// Sends what waits in the preamble alone, before something that can't travel in a pipeline.
    func sendPreamble() throws(PostgresError) {
        guard !preamble.isEmpty || untoldTenant != nil else { return }
        var exchange = Exchange(connection: self)
        _ = try exchange.run([], committing: false)
    }
}

/// One use of pipeline mode: sends, flushes, reads back in the same order, leaves pipeline mode.
private struct Exchange {
    private enum Step {
        /// Its result doesn't matter.
        case deallocate
        case preamble(String)
        /// Tells the server whose rows the session may see.
        case tenant(String)
        case prepare(String, name: String)
        case statement(String)
        case commit
        case sync
    }

    let connection: Connection
    private var steps: [Step] = []
    /// A COMMIT has been answered: nothing may be sent twice.
    private(set) var committed = false
    private var results: [Rows.Storage] = []
    private var failure: PostgresError?

    init(connection: Connection) { self.connection = connection }

    private var link: Link { connection.link }

    mutating func run(_ statements: [Pipeline.Statement], committing: Bool) throws(PostgresError) -> [Rows.Storage] {
        guard PQenterPipelineMode(link.raw) == 1 else { throw connection.sendFailure(statements.first?.sql) }
        let tenant = connection.tenantStatement
        let told = connection.untoldTenant ?? connection.toldTenant
        // What fails is undone, and what was set in it too.
        connection.toldTenant = nil
        do throws(PostgresError) {
            try send(statements, after: tenant, committing: committing)
        } catch {
            // Half a pipeline must never be executed.
            var lost = error
            lost.kind = .connection
            throw link.fail(lost)
        }
        connection.preamble = []
        try link.flush(statements.first?.sql)
        do throws(PostgresError) {
            try receive()
            guard PQexitPipelineMode(link.raw) == 1 else { throw link.lost(statements.first?.sql) }
        } catch {
            // Once the server has said COMMIT, a connection that breaks right after changes nothing.
            guard committed else { throw error }
        }
        if let failure { throw failure }
        connection.toldTenant = told
        return results
    }

    private mutating func send(
        _ statements: [Pipeline.Statement], after tenant: Pipeline.Statement?, committing: Bool
    ) throws(PostgresError) {
        try sendDeallocations()
        var preamble = connection.preamble[...]
        // In the transaction and not before it: nothing may precede a BEGIN that sets the isolation.
        if connection.beginIsPending, let begin = preamble.popFirst() { try sendPreamble(begin) }
        if let tenant {
            try send(tenant)
            steps.append(.tenant(tenant.sql))
        }
        for sql in preamble { try sendPreamble(sql) }
        for statement in statements {
            try send(statement)
            steps.append(.statement(statement.sql))
        }
        if committing {
            try sendPlain("COMMIT")
            steps.append(.commit)
        }
        guard PQpipelineSync(link.raw) == 1 else { throw connection.sendFailure(nil) }
        steps.append(.sync)
    }

    private mutating func sendPreamble(_ sql: String) throws(PostgresError) {
        try sendPlain(sql)
        steps.append(.preamble(sql))
    }

    private mutating func send(_ statement: Pipeline.Statement) throws(PostgresError) {
        let name = statement.isKept ? try prepared(statement) : nil
        connection.buffer.encode(statement.parameters)
        let sent = connection.buffer.withEncoded { count, values, lengths, formats in
            guard let name else {
                let types = statement.parameters.map(\.type)
                return PQsendQueryParams(link.raw, statement.sql, count, types, values, lengths, formats, 1)
            }
            return PQsendQueryPrepared(link.raw, name, count, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw connection.sendFailure(statement.sql) }
    }

    /// Statements that the cache dropped, in an implicit transaction of their own so that a failure stays theirs.
    private mutating func sendDeallocations() throws(PostgresError) {
        guard connection.isOutsideTransaction else { return }
        let names = connection.cache.takeDiscarded()
        guard !names.isEmpty else { return }
        for name in names {
            try sendPlain("DEALLOCATE \(name)")
            steps.append(.deallocate)
        }
        guard PQpipelineSync(link.raw) == 1 else { throw connection.sendFailure(nil) }
        steps.append(.sync)
    }

    private func sendPlain(_ sql: String) throws(PostgresError) {
        guard PQsendQueryParams(link.raw, sql, 0, nil, nil, nil, nil, 1) == 1 else {
            throw connection.sendFailure(sql)
        }
    }

    private mutating func prepared(_ statement: Pipeline.Statement) throws(PostgresError) -> String {
        if let name = connection.cache.name(for: statement.sql, statement.parameters) { return name }
        let name = connection.cache.newName()
        let types = statement.parameters.map(\.type)
        guard PQsendPrepare(link.raw, name, statement.sql, Int32(types.count), types) == 1 else {
            throw connection.sendFailure(statement.sql)
        }
        connection.cache.insert(statement.sql, statement.parameters, name: name)
        steps.append(.prepare(statement.sql, name: name))
        return name
    }

    private mutating func receive() throws(PostgresError) {
        for step in steps {
            switch step {
            case .sync:
                do throws(PostgresError) {
                    if let error = try receiveSync(), failure == nil { failure = error }
                } catch {
                    // Its last words say why the session ended; that it did shows only here.
                    if let failure, failure.isFatal { throw failure.asLost }
                    throw error
                }
            case .deallocate:
                _ = try receiveOne("DEALLOCATE")
            case .preamble(let sql):
                if case .failure(let error) = try receiveOne(sql), failure == nil { failure = error }
            case .tenant(let sql):
                if case .failure(let error) = try receiveOne(sql) {
                    if error.isStalePlan { connection.forget(sql, error) }
                    if failure == nil { failure = error }
                }
            case .prepare(let sql, let name):
                switch try receiveOne(sql) {
                case .success: break
                case .failure(let error):
                    connection.cache.forget(name: name, sql: sql)
                    if failure == nil { failure = error }
                case nil: connection.cache.forget(name: name, sql: sql)
                }
            case .statement(let sql):
                switch try receiveOne(sql) {
                case .success(let result): results.append(result)
                case .failure(let error):
                    if error.isStalePlan { connection.forget(sql, error) }
                    if failure == nil { failure = error }
                case nil: break
                }
            case .commit:
                switch try receiveOne("COMMIT") {
                case .success(let result):
                    committed = result.commandTag == "COMMIT"
                    if !committed, failure == nil {
                        failure = PostgresError(.transactionAborted, "the server rolled back instead of committing")
                    }
                case .failure(let error): if failure == nil { failure = error }
                case nil: break
                }
            }
        }
    }

    /// The result of one command and the NULL after it; nil when the command was skipped after an earlier error.
    private func receiveOne(_ sql: String) throws(PostgresError) -> Result<Rows.Storage, PostgresError>? {
        guard let result = try link.nextResult(sql) else { throw outOfStep(sql) }
        var outcome: Result<Rows.Storage, PostgresError>?
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            outcome = .success(Rows.Storage(result, sql: sql))
        case PGRES_PIPELINE_ABORTED: PQclear(result)
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            throw link.fail(PostgresError(.misuse, "COPY needs copyIn or copyOut", sql: sql))
        default:
            let error = connection.error(of: result, sql)
            PQclear(result)
            if error.isConnectionLost { throw error }
            outcome = .failure(error)
        }
        while let extra = try link.nextResult(sql) {
            // After its last words the server closes the connection.
            let error = connection.error(of: extra, sql)
            PQclear(extra)
            if case .success(let result) = outcome, result.commandTag == "COMMIT" { return outcome }
            if case .failure(var first) = outcome, error.isConnectionLost {
                first.kind = .connection
                throw first
            }
            if error.isConnectionLost { throw error }
        }
        return outcome
    }

    /// Errors of the implicit commit, such as a deferred constraint, arrive here.
    private func receiveSync() throws(PostgresError) -> PostgresError? {
        var failure: PostgresError?
        // The error, a NULL after it, the synchronization point.
        for _ in 0..<4 {
            guard let result = try link.nextResult(nil) else { continue }
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { return failure }
            let error = connection.error(of: result, nil)
            if error.isConnectionLost { throw failure.map { $0.asLost } ?? error }
            if failure == nil { failure = error }
        }
        throw outOfStep("Sync")
    }

    private func outOfStep(_ sql: String) -> PostgresError {
        link.fail(PostgresError(.connection, "the answers don't match what was sent, connection given up", sql: sql))
    }
}

extension PostgresError {
    fileprivate var asLost: PostgresError {
        var copy = self
        copy.kind = .connection
        return copy
    }
}
