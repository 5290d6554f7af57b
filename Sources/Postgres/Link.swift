import CLibpq
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The libpq connection underneath: non-blocking calls, `poll(2)` and a deadline on every wait, because a stopped
/// server or a half-open TCP connection would otherwise hold the thread for ever.
///
/// Once `failure` is set the link is dead: its socket is shut down and every further call fails with it.
final class Link {
    private(set) var raw: OpaquePointer?
    private(set) var failure: PostgresError?
    /// Why the session is in the wrong place though nothing is wrong with it: its server takes no writes. It is given up
    /// before its next use, and the next one may find another server.
    private(set) var misplacement: PostgresError?
    /// Whether the configuration asks for a server that takes writes (libpq's `target_session_attrs`).
    private let needsWrites: Bool
    /// When the server was last heard of; kept up only where `needsWrites`.
    private var heard = ContinuousClock.now
    /// How long one answer may take. `Connection` keeps it at statement timeout plus grace.
    var answerLimit: Duration
    private let logger: Logger

    private init(raw: OpaquePointer, needsWrites: Bool, answerLimit: Duration, logger: Logger) {
        self.raw = raw
        self.needsWrites = needsWrites
        self.answerLimit = answerLimit
        self.logger = logger
    }

    deinit { PQfinish(raw) }

    // MARK: Opening and closing

    static func open(_ configuration: PostgresConfiguration, logger: Logger) throws(PostgresError) -> Link {
        try configuration.validate()
        var failures: [PostgresError] = []
        for attempt in try configuration.attempts() {
            do throws(PostgresError) {
                return try openOne(attempt, configuration, logger: logger)
            } catch {
                failures.append(error)
            }
        }
        guard var error = failures.last else { throw PostgresError(.configuration, "no host to connect to") }
        if failures.count > 1 { error.message = failures.map(\.message).joined(separator: "; ") }
        throw error
    }

    private static func openOne(
        _ parameters: [(String, String)], _ configuration: PostgresConfiguration, logger: Logger
    ) throws(PostgresError) -> Link {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let keywords = parameters.map { strdup($0.0) } + [nil]
        let values = parameters.map { strdup($0.1) } + [nil]
        defer {
            for pointer in keywords { free(pointer) }
            for pointer in values { free(pointer) }
        }
        let raw = keywords.map { UnsafePointer($0) }.withUnsafeBufferPointer { keywords in
            values.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
            }
        }
        guard let raw else { throw PostgresError(.connection, "out of memory") }
        let limit = configuration.statementTimeout + configuration.responseGrace
        let link = Link(raw: raw, needsWrites: configuration.needsWrites, answerLimit: limit, logger: logger)
        PQsetNoticeReceiver(
            raw,
            { context, notice in
                guard let context, let notice else { return }
                Unmanaged<Link>.fromOpaque(context).takeUnretainedValue().log(notice: notice)
            }, Unmanaged.passUnretained(link).toOpaque())
        // The only way to learn the SQLSTATE of a refused connection is its verbose message.
        PQsetErrorVerbosity(raw, PQERRORS_VERBOSE)

        var wanted = PGRES_POLLING_WRITING
        guard PQstatus(raw) != CONNECTION_BAD else { throw link.refused(configuration) }
        while true {
            switch wanted {
            case PGRES_POLLING_OK:
                PQsetErrorVerbosity(raw, PQERRORS_DEFAULT)
                guard PQsetnonblocking(raw, 1) == 0 else { throw link.refused(configuration) }
                return link
            case PGRES_POLLING_FAILED: throw link.refused(configuration)
            case PGRES_POLLING_READING, PGRES_POLLING_WRITING:
                let events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT
                guard wait(PQsocket(raw), Int16(events), until: deadline) != 0 else {
                    throw PostgresError(
                        .connection,
                        "can't connect to \(configuration): no answer within \(configuration.connectTimeout)")
                }
            default: break
            }
            wanted = PQconnectPoll(raw)
        }
    }

    /// "FATAL:  28P01: password authentication failed …\nLOCATION: …" taken apart.
    private func refused(_ configuration: PostgresConfiguration) -> PostgresError {
        var message = text(PQerrorMessage(raw), linePrefixDropped: "LOCATION:")
        var state: SQLState?
        if let severityEnd = message.firstRange(of: ":  ")?.upperBound {
            let code = message[severityEnd...].prefix(5)
            if code.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isUppercase) }),
                message[code.endIndex...].hasPrefix(": ")
            {
                state = SQLState(String(code))
                message.removeSubrange(message.index(before: severityEnd)..<message.index(code.endIndex, offsetBy: 1))
            }
        }
        if state == .protocolViolation, message.contains("startup parameter") {
            return PostgresError(
                .configuration,
                "can't connect to \(configuration): \(message): \(SessionPooling.demand), and "
                    + "ignore_startup_parameters = options", sqlState: state)
        }
        return PostgresError(.connection, "can't connect to \(configuration): \(message)", sqlState: state)
    }

    /// Ends the session; pending answers are lost.
    func close(_ reason: PostgresError = PostgresError(.closed, "the connection was closed")) {
        if failure == nil { failure = reason }
        PQfinish(raw)
        raw = nil
    }

    /// Marks the link dead. `PQfinish` sends a farewell, which must not wait for a peer that is gone.
    func fail(_ error: PostgresError) -> PostgresError {
        if failure == nil {
            failure = error
            let socket = PQsocket(raw)
            if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
        }
        return error
    }

    /// The error of a libpq call that reports through the connection and not through a result.
    func lost(_ sql: String?) -> PostgresError {
        fail(PostgresError(.connection, text(PQerrorMessage(raw)), sql: sql))
    }

    func ensureAlive() throws(PostgresError) {
        if let failure { throw failure }
        if let misplacement { throw misplacement }
    }

    func hasRested(for span: Duration) -> Bool { heard.duration(to: .now) >= span }

    /// Looks at what the server has reported of itself (PostgreSQL 14 and later), which costs no round trip: one that was
    /// told to take no writes says so with the answer to the next statement.
    func checkPlace() {
        guard needsWrites, misplacement == nil else { return }
        for (parameter, words) in [
            ("in_hot_standby", "it is a standby"), ("default_transaction_read_only", "it is set to read-only"),
        ] where PQparameterStatus(raw, parameter).map({ String(cString: $0) }) == "on" {
            misplacement = .noWrites(words)
        }
    }

    /// Looks without waiting whether the server has gone meanwhile. False when the link can't be used any more.
    func isAlive() -> Bool {
        guard failure == nil, let raw else { return false }
        checkPlace()
        guard misplacement == nil else { return false }
        var descriptor = pollfd(fd: PQsocket(raw), events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) > 0 else { return true }
        // Readable while idle: a notification, a parameter change, or the end.
        guard PQconsumeInput(raw) == 1, PQisBusy(raw) == 0, PQstatus(raw) == CONNECTION_OK else {
            _ = lost(nil)
            return false
        }
        return true
    }

    // MARK: Waiting

    /// Sends all that is buffered; reads meanwhile, or two full socket buffers would wait for each other.
    func flush(_ sql: String?) throws(PostgresError) {
        var deadline: ContinuousClock.Instant?
        while true {
            switch PQflush(raw) {
            case 0: return
            case 1:
                let limit = deadline ?? .now + answerLimit
                deadline = limit
                let ready = Self.wait(PQsocket(raw), Int16(POLLIN | POLLOUT), until: limit)
                if ready == 0 { throw timedOut(sql) }
                if ready & Int16(POLLIN) != 0, PQconsumeInput(raw) == 0 { throw lost(sql) }
            default: throw lost(sql)
            }
        }
    }

    /// The next result of the command under way, nil at its end. The caller frees it.
    func nextResult(_ sql: String?) throws(PostgresError) -> OpaquePointer? {
        try awaitAnswer(sql)
        return PQgetResult(raw)
    }

    /// Returns when `PQgetResult` won't block.
    func awaitAnswer(_ sql: String?) throws(PostgresError) {
        defer { if needsWrites { heard = .now } }
        guard PQisBusy(raw) == 1 else { return }
        let deadline = ContinuousClock.now + answerLimit
        repeat {
            guard Self.wait(PQsocket(raw), Int16(POLLIN), until: deadline) != 0 else { throw timedOut(sql) }
            // A failure ends the wait: PQgetResult then reports the server's last words, if there were any.
            guard PQconsumeInput(raw) == 1 else { return }
        } while PQisBusy(raw) == 1
    }

    /// Reads what has come without waiting for more than `until`. False at the deadline.
    func awaitInput(until deadline: ContinuousClock.Instant, or other: Int32 = -1) throws(PostgresError) -> Bool {
        let ready = Self.wait(PQsocket(raw), Int16(POLLIN), until: deadline, or: other)
        guard ready != 0 else { return false }
        if ready & Self.otherReady != 0 { return false }
        guard PQconsumeInput(raw) == 1 else { throw lost(nil) }
        return true
    }

    private func timedOut(_ sql: String?) -> PostgresError {
        fail(
            PostgresError(.connection, "no answer from the server within \(answerLimit), connection given up", sql: sql)
        )
    }

    /// Stands for the second descriptor in the answer of `wait`; no poll event has this bit.
    private static let otherReady = Int16(1) << 14

    /// `poll(2)` with a deadline on a clock that nobody sets. 0 when the time is up.
    private static func wait(
        _ socket: Int32, _ events: Int16, until deadline: ContinuousClock.Instant, or other: Int32 = -1
    ) -> Int16 {
        var descriptors = (
            pollfd(fd: socket, events: events, revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0)
        )
        while true {
            let left = ContinuousClock.now.duration(to: deadline).wholeMilliseconds
            let timeout = Int32(clamping: max(0, left))
            let count = withUnsafeMutablePointer(to: &descriptors) {
                $0.withMemoryRebound(to: pollfd.self, capacity: 2) { poll($0, 2, timeout) }
            }
            if count > 0 {
                return descriptors.0.revents != 0 ? descriptors.0.revents : otherReady
            }
            if count == 0 { return 0 }
            // Anything but a signal means that the descriptor is bad: let libpq find out.
            if errno != EINTR { return events }
        }
    }

    // MARK: Errors and notices

    /// The error that a failed result carries. The link is dead afterwards when the server or network ended it.
    func error(of result: OpaquePointer?, _ sql: String?) -> PostgresError {
        var error = PostgresError(result: result, sql: sql)
        if PQstatus(raw) == CONNECTION_BAD {
            error.kind = .connection
            if error.message.isEmpty { error.message = text(PQerrorMessage(raw)) }
            _ = fail(error)
        } else if error.sqlState == .readOnlyTransaction {
            misplacement = .noWrites(error.message)
        }
        return error
    }

    private func log(notice: OpaquePointer) {
        let error = PostgresError(result: notice, sql: nil)
        let severity = field(notice, "V") ?? "NOTICE"
        logger.log(
            level: severity == "WARNING" || severity == "FATAL" ? .warning : .debug, "postgres notice",
            metadata: [
                "severity": "\(severity)", "message": "\(error.message)", "sqlstate": "\(error.sqlState?.code ?? "")",
            ])
    }
}

/// libpq's own messages end in a line feed and may have several lines.
private func text(_ message: UnsafePointer<CChar>?, linePrefixDropped dropped: String? = nil) -> String {
    guard let message else { return "no connection" }
    return String(cString: message).split(whereSeparator: \.isNewline)
        .filter { line in dropped.map { !line.hasPrefix($0) } ?? true }
        .joined(separator: " ")
}

private func field(_ result: OpaquePointer?, _ code: Unicode.Scalar) -> String? {
    PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
}

extension PostgresError {
    fileprivate static func noWrites(_ words: String) -> PostgresError {
        PostgresError(.connection, "the server takes no writes: \(words)", sqlState: .readOnlyTransaction)
    }

    /// The fields of an ErrorResponse or NoticeResponse (`postgres_ext.h`, PG_DIAG_*).
    init(result: OpaquePointer?, sql: String?) {
        let state = field(result, "C").map { SQLState($0) }
        let primary = field(result, "M")
        // Without fields it isn't the server's error but libpq's own: the connection.
        self.init(
            state.map { .server($0) } ?? .connection, primary ?? text(PQresultErrorMessage(result)), sql: sql,
            sqlState: state)
        detail = field(result, "D")
        hint = field(result, "H")
        constraint = field(result, "n")
        table = field(result, "t")
        column = field(result, "c")
        position = field(result, "P").flatMap { Int($0) }
        context = field(result, "W")
        isFatal = field(result, "V").map { $0 != "ERROR" } ?? false
        // The message is translated, the name of the C function isn't.
        let function = field(result, "R")
        isStalePlan =
            state == .undefinedStatement
            || (state == .featureNotSupported && function == "RevalidateCachedQuery")
        // Its code, 54000, is also that of values that are too large.
        isOutOfTransactionIDs =
            state?.errorClass == "54" && (function == "GetNewTransactionId" || function == "GetNewMultiXactId")
    }
}
