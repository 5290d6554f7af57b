import CLibpq
import Execution
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A session that follows the log of one database through a logical replication slot (PostgreSQL 15 documentation, 55.4
/// and chapter 49). Its role needs the attribute REPLICATION.
///
/// Not `Sendable`: it belongs to the thread that made it. After an error it is dead for good; a new one goes on from what
/// was confirmed last.
public final class ReplicationConnection {
    let link: Link
    let configuration: PostgresConfiguration
    private var stopPipe: StopPipe?
    private var isStreaming = false
    /// Everything that was committed before it has been read.
    public private(set) var received = LogPosition.zero
    /// The server keeps the log from here on.
    public private(set) var confirmed = LogPosition.zero
    /// The server waits for a sign of life.
    public private(set) var owesReply = false
    /// A transaction whose end hasn't been read.
    private var isInTransaction = false

    /// A reader may be busy for as long as it takes to have a page acknowledged elsewhere: only then the server gives it up.
    private static let senderTimeout: Duration = .seconds(300)

    /// Connects, within `connectTimeout` for each host of the configuration.
    public init(_ configuration: PostgresConfiguration, logger: Logger? = nil) throws(PostgresError) {
        var configuration = configuration
        configuration.replication = Self.senderTimeout
        self.configuration = configuration
        link = try Link.open(configuration, logger: logger ?? Logger(label: "postgres"))
    }

    public func close() { link.close() }

    /// The server process, as in `pg_replication_slots.active_pid`.
    public var processID: Int32 { PQbackendPID(link.raw) }

    // MARK: Commands

    /// One command or statement, by the simple protocol: the rows' columns as text.
    @discardableResult
    func command(_ text: String) throws(PostgresError) -> [[String?]] {
        try link.ensureAlive()
        guard PQsendQuery(link.raw, text) == 1 else { throw link.lost(text) }
        try link.flush(text)
        return try answer(to: text)
    }

    func answer(to text: String) throws(PostgresError) -> [[String?]] {
        var rows: [[String?]] = []
        var failure: PostgresError?
        while let result = try link.nextResult(text) {
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: rows = Self.texts(of: result)
            case PGRES_COPY_BOTH:
                isStreaming = true
                return []
            default: failure = failure ?? link.error(of: result, text)
            }
        }
        if let failure { throw failure }
        return rows
    }

    private static func texts(of result: OpaquePointer) -> [[String?]] {
        (0..<PQntuples(result)).map { row in
            (0..<PQnfields(result)).map { column in
                PQgetisnull(result, row, column) == 1
                    ? nil : PQgetvalue(result, row, column).map { String(cString: $0) }
            }
        }
    }

    /// Begins to read what was committed behind the slot's confirmed position.
    ///
    /// - Parameters:
    ///   - slot: of the output plugin pgoutput. One session at a time uses it (`.server(55006)` for the next).
    ///   - publication: which tables and changes are sent.
    public func start(slot: String, publication: String) throws(PostgresError) {
        // Values in binary are PostgreSQL 14's.
        try command(
            """
            START_REPLICATION SLOT \(quoteIdentifier(slot)) LOGICAL 0/0 (proto_version '1', binary 'true', \
            publication_names '\(quoteIdentifier(publication).replacing("'", with: "''"))')
            """)
    }

    // MARK: Reading

    /// Gives `body` the next message if it is there already; false if none is. What `body` throws is thrown on.
    public func next(_ body: (LogicalMessage) throws -> Void) throws -> Bool {
        while let bytes = try nextBytes() {
            defer { PQfreemem(bytes.baseAddress) }
            switch try ReplicationFrame(UnsafeRawBufferPointer(bytes)) {
            case .data(let data):
                let message = try LogicalMessage(data)
                try body(message)
                switch message {
                case .begin: isInTransaction = true
                case .commit(let end):
                    isInTransaction = false
                    received = max(received, end)
                case .relation, .insert, .other: break
                }
                return true
            case .keepalive(let end, let wantsReply):
                if !isInTransaction { received = max(received, end) }
                owesReply = owesReply || wantsReply
            }
        }
        return false
    }

    private func nextBytes() throws(PostgresError) -> UnsafeMutableRawBufferPointer? {
        try link.ensureAlive()
        guard isStreaming else { throw PostgresError(.misuse, "replication hasn't been started") }
        for isSecondTry in [false, true] {
            if isSecondTry, PQconsumeInput(link.raw) != 1 { throw link.lost(nil) }
            var bytes: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(link.raw, &bytes, 1)
            if count > 0 { return UnsafeMutableRawBufferPointer(start: bytes, count: Int(count)) }
            if count == 0 { continue }
            throw try ended()
        }
        return nil
    }

    /// Why the server has stopped to send.
    private func ended() throws(PostgresError) -> PostgresError {
        isStreaming = false
        var reason: PostgresError?
        while let result = try link.nextResult(nil) {
            if PQresultStatus(result) == PGRES_FATAL_ERROR { reason = reason ?? link.error(of: result, nil) }
            PQclear(result)
            // An orderly end of a server that shuts down: COPY is over, and nothing else comes.
            if reason == nil, PQstatus(link.raw) != CONNECTION_BAD { break }
        }
        var lost = reason ?? PostgresError(.connection, "the server has ended the replication")
        lost.kind = .connection
        return link.fail(lost)
    }

    /// Says that everything before `position` is done with: the server may forget it, and sends it to no later session. Also
    /// the sign of life that the server may wait for. `position` never goes back.
    ///
    /// - Parameter asking: has the server say at once how far it has got.
    public func confirm(_ position: LogPosition, asking: Bool = false) throws(PostgresError) {
        try link.ensureAlive()
        confirmed = max(confirmed, position)
        owesReply = false
        // Microseconds since 2000; nothing depends on it.
        let now = WallClock.nowMicroseconds() - 946_684_800_000_000
        let status = ReplicationFrame.status(received: received, confirmed: confirmed, at: now, wantsReply: asking)
        let sent = status.withUnsafeBytes {
            PQputCopyData(link.raw, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
        }
        guard sent == 1 else { throw link.lost(nil) }
        try link.flush(nil)
    }

    // MARK: Waiting

    /// Waits until there may be something to read here, something has come for `other` (its end, most likely), `stop`
    /// stops, or `limit` has passed.
    public func wait(atMost limit: Duration, or other: Connection, until stop: StopSignal) {
        let deadline = ContinuousClock.now + limit
        var descriptors = [PQsocket(link.raw), PQsocket(other.link.raw), stopDescriptor(stop)].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        while true {
            let left = ContinuousClock.now.duration(to: deadline).wholeMilliseconds
            if poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: max(0, left))) >= 0 || errno != EINTR {
                return
            }
        }
    }

    func stopDescriptor(_ stop: StopSignal) -> Int32 {
        if let stopPipe, stopPipe.belongs(to: stop) { return stopPipe.readEnd }
        stopPipe = StopPipe(stop)
        return stopPipe?.readEnd ?? -1
    }
}
