import CLibpq
import Logging

/// One session with PostgreSQL. Not `Sendable`: it belongs to the thread that made it, and its calls block that
/// thread, each for a bounded time (`PostgresConfiguration.statementTimeout` + `responseGrace`).
///
/// - Every statement with parameters is prepared once and runs in binary from then on; preparing travels with the
///   first execution. Write values as `$1`, never into the SQL, or each text becomes a statement of its own.
/// - After an error whose `isConnectionLost` is true the connection is dead for good (`isUsable`); make a new one,
///   or let `ReconnectingConnection` or `ConnectionPool` do it.
/// - Outside `transaction` each `query`, `execute` and `pipeline` is a transaction of its own.
public final class Connection {
    public let configuration: PostgresConfiguration
    let link: Link
    let logger: Logger
    var cache: StatementCache
    var buffer = ParameterBuffer()
    /// BEGIN, SAVEPOINT and the like, which go out in front of the next statement instead of waiting for an answer
    /// of their own.
    var preamble: [String] = []
    var transactionState = TransactionState.none
    var savepoints = 0
    /// What is to hear how the transaction under way ends.
    var endings: [(_ isCommitted: Bool) -> Void] = []
    var openCursors = 0
    /// A COPY is under way; nothing else can be sent.
    var isCopying = false
    /// Whose rows the statements may see: of the `acting(for:)` under way.
    var tenant: String?
    /// The one that the server was told last; nil where it has to be told anew.
    var toldTenant: String?
    /// What the server's `statement_timeout` is now.
    var statementTimeout: Duration
    var stopPipe: StopPipe?
    private var cancellation: CancelHandle?

    /// Connects, within `connectTimeout` for each host of the configuration.
    ///
    /// Throws `.configuration` where a pooler stands in between that gives sessions to others between transactions.
    public convenience init(_ configuration: PostgresConfiguration, logger: Logger? = nil) throws(PostgresError) {
        try self.init(unchecked: configuration, logger: logger)
        try SessionPooling.check(self)
    }

    /// Without looking whether the session is its own.
    init(unchecked configuration: PostgresConfiguration, logger: Logger?) throws(PostgresError) {
        self.configuration = configuration
        self.logger = logger ?? Logger(label: "postgres")
        link = try Link.open(configuration, logger: self.logger)
        statementTimeout = configuration.statementTimeout
        cache = StatementCache(limit: configuration.statementCacheLimit)
    }

    /// Ends the session at once; an open transaction is rolled back by the server.
    public func close() { link.close() }

    /// False once the connection is lost or closed, or its server takes no writes any more, as far as a statement has shown.
    public var isUsable: Bool { link.failure == nil && link.misplacement == nil }

    /// Looks at the socket, without a round trip, whether the server has gone meanwhile. Where sessions are for a server
    /// that takes writes, one that has rested for a second asks it: it says with an answer only that it takes none any more.
    public func isAlive() -> Bool {
        guard link.isAlive() else { return false }
        guard configuration.needsWrites, link.hasRested(for: Self.restLimit), isAutocommit, !isCopying else {
            return true
        }
        do throws(PostgresError) { try plain("SELECT 1") } catch { return false }
        return link.isAlive()
    }

    /// The server process, as in `pg_stat_activity.pid`.
    public var processID: Int32 { PQbackendPID(link.raw) }

    /// 150_020 for 15.20.
    public var serverVersion: Int { Int(PQserverVersion(link.raw)) }

    /// How many prepared statements are kept.
    public var preparedStatements: Int { cache.count }

    /// For another thread to stop what this one waits for.
    public var cancelHandle: CancelHandle {
        if let cancellation { return cancellation }
        let handle = CancelHandle(link.raw)
        cancellation = handle
        return handle
    }

    // MARK: Statements

    /// Runs one statement and returns its rows.
    ///
    /// If the connection breaks after a writing statement was sent outside a transaction the error is
    /// `.commitUnknown`. A statement that starts with SELECT counts as reading: put one that calls a writing
    /// function into a `transaction`.
    public func query(_ sql: String, _ parameters: [Parameter] = []) throws(PostgresError) -> Rows {
        Rows(try run(sql, parameters))
    }

    /// Runs one statement and returns how many rows it inserted, updated, deleted or selected.
    @discardableResult
    public func execute(_ sql: String, _ parameters: [Parameter] = []) throws(PostgresError) -> Int {
        try run(sql, parameters).affected
    }

    /// Runs any number of statements separated by semicolons, without parameters, as one transaction unless they
    /// contain transaction commands. Results are dropped.
    public func script(_ sql: String) throws(PostgresError) {
        try ensureReady()
        try sendPreamble()
        let autocommit = isAutocommit
        guard PQsendQuery(link.raw, sql) == 1 else { throw sendFailure(sql) }
        do throws(PostgresError) {
            try link.flush(sql)
            let answer = try collect(sql)
            if let error = answer.error { throw error }
        } catch {
            throw autocommit ? error.unknownIfLost : error
        }
    }

    // MARK: Shared by everything that sends

    /// No transaction is open, nor about to be opened by the preamble.
    var isAutocommit: Bool { preamble.isEmpty && PQtransactionStatus(link.raw) == PQTRANS_IDLE }

    func ensureReady() throws(PostgresError) {
        if transactionState == .none, isOutsideTransaction { link.checkPlace() }
        try link.ensureAlive()
        if isCopying { throw PostgresError(.misuse, "a COPY is under way on this connection") }
        if tenant == nil, let variable = configuration.tenantVariable {
            throw PostgresError(.misuse, "a statement for no tenant: the session's \(variable) would be another's")
        }
        switch transactionState {
        case .none: break
        case .open:
            // Going on would commit each statement by itself.
            if isOutsideTransaction, !beginIsPending {
                throw PostgresError(.misuse, "the transaction was ended by a statement of its own")
            }
        case .committed, .failed:
            throw PostgresError(.misuse, "the transaction has ended with the pipeline that committed it")
        }
    }

    /// libpq refused to send: the connection is broken, or the call is wrong and the connection fine.
    func sendFailure(_ sql: String?) -> PostgresError {
        var error = PostgresError(.misuse, String(cString: PQerrorMessage(link.raw)), sql: sql)
        if PQstatus(link.raw) == CONNECTION_BAD { error = link.lost(sql) }
        return error
    }

    func checkParameters(_ parameters: [Parameter], _ sql: String) throws(PostgresError) {
        guard parameters.count <= 65_535 else {
            throw PostgresError(
                .misuse, "\(parameters.count) parameters, the protocol allows 65535; use arrays", sql: sql)
        }
        for (index, parameter) in parameters.enumerated() {
            if case .invalid(let reason) = parameter.payload {
                throw PostgresError(.decoding, "parameter $\(index + 1): \(reason)", sql: sql)
            }
        }
    }

    /// The error of a failed result, told apart from other cancellations when our `CancelHandle` was used.
    func error(of result: OpaquePointer?, _ sql: String?) -> PostgresError {
        var error = link.error(of: result, sql)
        if error.kind == .server(.queryCanceled), cancellation?.takeRequest() == true { error.kind = .cancelled }
        return error
    }

    /// Reads the results of one command outside pipeline mode to their end. The last one counts.
    func collect(_ sql: String) throws(PostgresError) -> (result: Rows.Storage?, error: PostgresError?) {
        var last: Rows.Storage?
        var failure: PostgresError?
        while let result = try link.nextResult(sql) {
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                last = Rows.Storage(result, sql: sql)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                PQclear(result)
                throw link.fail(PostgresError(.misuse, "COPY needs copyIn or copyOut", sql: sql))
            default:
                if failure == nil { failure = error(of: result, sql) }
                PQclear(result)
            }
        }
        // The first error of a dying session is the server's reason; its end shows only afterwards.
        if let error = failure, PQstatus(link.raw) == CONNECTION_BAD, link.failure == nil {
            var lost = error
            lost.kind = .connection
            failure = link.fail(lost)
        }
        return (last, failure)
    }

    private func run(_ sql: String, _ parameters: [Parameter]) throws(PostgresError) -> Rows.Storage {
        try ensureReady()
        guard preamble.isEmpty, untoldTenant == nil, let name = cache.name(for: sql, parameters) else {
            return try perform([Pipeline.Statement(sql: sql, parameters: parameters)])[0]
        }
        try checkParameters(parameters, sql)
        let autocommit = PQtransactionStatus(link.raw) == PQTRANS_IDLE
        do throws(PostgresError) {
            let answer = try runPrepared(name, sql, parameters)
            if let error = answer.error { throw error }
            guard let result = answer.result else { throw link.fail(PostgresError(.connection, "no result", sql: sql)) }
            return result
        } catch {
            if error.isStalePlan {
                forget(sql, error)
                // Nothing ran yet, and no transaction is lost: prepare anew.
                if autocommit { return try perform([Pipeline.Statement(sql: sql, parameters: parameters)])[0] }
            }
            throw autocommit && !sql.isReading ? error.unknownIfLost : error
        }
    }

    /// Bind, Execute and Sync: one round trip.
    func runPrepared(_ name: String, _ sql: String, _ parameters: [Parameter]) throws(PostgresError)
        -> (result: Rows.Storage?, error: PostgresError?)
    {
        buffer.encode(parameters)
        let sent = buffer.withEncoded { count, values, lengths, formats in
            PQsendQueryPrepared(link.raw, name, count, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw sendFailure(sql) }
        try link.flush(sql)
        return try collect(sql)
    }

    func forget(_ sql: String, _ error: PostgresError) {
        if error.sqlState == .undefinedStatement { cache.forgetAll() } else { cache.discard(sql) }
    }
}

extension PostgresError {
    /// For work that commits by itself: a lost connection leaves open whether it did.
    var unknownIfLost: PostgresError {
        guard kind == .connection else { return self }
        var copy = self
        copy.kind = .commitUnknown
        return copy
    }
}

extension String {
    /// Whether losing the answer to this statement loses nothing but the answer.
    var isReading: Bool {
        let word = utf8.drop { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }.prefix {
            $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A
        }
        return ["select", "show", "values", "table", "listen", "unlisten", "set", "fetch"].contains { keyword in
            word.count == keyword.utf8.count && zip(word, keyword.utf8).allSatisfy { $0 | 0x20 == $1 }
        }
    }
}
