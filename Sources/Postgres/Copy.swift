import CLibpq

extension Connection {
    /// COPY … FROM STDIN: `body` writes, in chunks that are sent as they fill, so memory stays bounded. Returns the
    /// number of rows. If `body` throws, nothing is copied and its error is rethrown.
    @discardableResult
    public func copyIn(_ sql: String, _ body: (CopyWriter) throws -> Void) throws -> Int {
        try startCopy(sql)
        let binary = try expect(PGRES_COPY_IN, sql)
        let autocommit = !isInExplicitTransaction
        isCopying = true
        defer { isCopying = false }
        let writer = CopyWriter(link: link, sql: sql, isBinary: binary)
        do {
            try body(writer)
            try writer.finish()
        } catch {
            guard isUsable else { throw error }
            try writer.end(complaint: "abandoned by the client")
            // The server's answer is our own complaint.
            _ = try collect(sql)
            throw error
        }
        do throws(PostgresError) {
            try writer.end(complaint: nil)
            let answer = try collect(sql)
            if let error = answer.error { throw error }
            return answer.result?.affected ?? 0
        } catch {
            throw autocommit ? error.unknownIfLost : error
        }
    }

    /// COPY … TO STDOUT: calls `body` with each chunk, one row in the text and CSV formats. The bytes are valid
    /// during the call. If `body` throws, the COPY is cancelled and the error rethrown. Returns the number of rows.
    @discardableResult
    public func copyOut(_ sql: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
        try startCopy(sql)
        _ = try expect(PGRES_COPY_OUT, sql)
        isCopying = true
        defer { isCopying = false }
        do {
            while let chunk = try nextChunk(sql) {
                defer { PQfreemem(chunk.baseAddress) }
                try body(UnsafeRawBufferPointer(chunk))
            }
        } catch {
            guard isUsable else { throw error }
            try abandonCopyOut(sql)
            throw error
        }
        let answer = try collect(sql)
        if let error = answer.error { throw error }
        return answer.result?.affected ?? 0
    }

    private var isInExplicitTransaction: Bool { transactionState == .open }

    /// COPY can't be part of a pipeline.
    private func startCopy(_ sql: String) throws(PostgresError) {
        try ensureReady()
        try sendPreamble()
        guard PQsendQuery(link.raw, sql) == 1 else { throw sendFailure(sql) }
        try link.flush(sql)
    }

    /// Whether the format is binary.
    private func expect(_ status: ExecStatusType, _ sql: String) throws(PostgresError) -> Bool {
        guard let result = try link.nextResult(sql) else {
            throw link.fail(PostgresError(.connection, "no answer to COPY", sql: sql))
        }
        defer { PQclear(result) }
        if PQresultStatus(result) == status { return PQbinaryTuples(result) == 1 }
        guard PQresultStatus(result) == PGRES_FATAL_ERROR else {
            throw link.fail(PostgresError(.misuse, "not the COPY that this call is for", sql: sql))
        }
        let error = error(of: result, sql)
        _ = try collect(sql)
        throw error
    }

    private func nextChunk(_ sql: String) throws(PostgresError) -> UnsafeMutableRawBufferPointer? {
        while true {
            var bytes: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(link.raw, &bytes, 1)
            if count > 0 { return UnsafeMutableRawBufferPointer(start: bytes, count: Int(count)) }
            if count == 0 {
                guard try link.awaitInput(until: .now + link.answerLimit) else {
                    throw link.fail(
                        PostgresError(.connection, "no data for \(link.answerLimit), connection given up", sql: sql))
                }
                continue
            }
            if count == -1 { return nil }
            throw sendFailure(sql)
        }
    }

    private func abandonCopyOut(_ sql: String) throws(PostgresError) {
        guard cancelHandle.cancel(timeout: configuration.responseGrace) else {
            _ = link.fail(PostgresError(.connection, "an abandoned COPY couldn't be cancelled", sql: sql))
            return
        }
        while let chunk = try nextChunk(sql) { PQfreemem(chunk.baseAddress) }
        _ = try collect(sql)
        _ = cancelHandle.takeRequest()
    }
}

/// What `copyIn` gives its body to write with: rows with correct escaping, or raw bytes in the format of the COPY.
public final class CopyWriter {
    /// Whether the COPY says `FORMAT binary`.
    public let isBinary: Bool
    private let link: Link
    private let sql: String
    private var unsent = CopyFields()

    private static let chunk = 1 << 16
    /// Signature, flags, length of the header extension (PostgreSQL 15 documentation, COPY, "Binary Format").
    private static let binaryHeader: [UInt8] =
        [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]

    init(link: Link, sql: String, isBinary: Bool) {
        self.link = link
        self.sql = sql
        self.isBinary = isBinary
    }

    private var hasHeader = false
    /// The caller brings header and trailer along.
    private var isRaw = false

    /// One row of a COPY with `FORMAT binary`. Each parameter's type must be exactly its column's.
    public func row(_ parameters: [Parameter]) throws(PostgresError) {
        guard isBinary else { throw PostgresError(.misuse, "row(_:) needs FORMAT binary; use textRow", sql: sql) }
        appendHeader()
        for (index, parameter) in parameters.enumerated() {
            if case .invalid(let reason) = parameter.payload {
                throw PostgresError(.decoding, "column \(index): \(reason)", sql: sql)
            }
        }
        unsent.buffer.append(Int16(parameters.count))
        for parameter in parameters { unsent.buffer.appendField(parameter) }
        if unsent.buffer.count >= Self.chunk { try send() }
    }

    /// As `row(_:)`, for rows of many: `body` puts in as many fields as the COPY has columns.
    public func row(columns: Int, _ body: (inout CopyFields) throws -> Void) throws {
        guard isBinary else { throw PostgresError(.misuse, "row(columns:) needs FORMAT binary; use textRow", sql: sql) }
        appendHeader()
        unsent.begin(columns: columns)
        try body(&unsent)
        guard unsent.count == columns else {
            throw PostgresError(.misuse, "a row of \(columns) columns with \(unsent.count) fields", sql: sql)
        }
        if unsent.buffer.count >= Self.chunk { try send() }
    }

    /// One row of a COPY in the default text format, with its delimiter and NULL.
    public func textRow(_ fields: [String?]) throws(PostgresError) {
        guard !isBinary else { throw PostgresError(.misuse, "textRow needs the text format; use row(_:)", sql: sql) }
        for (index, field) in fields.enumerated() {
            if index > 0 { unsent.buffer.append(UInt8(ascii: "\t")) }
            if let field { escape(field) } else { put("\\N") }
        }
        unsent.buffer.append(UInt8(ascii: "\n"))
        if unsent.buffer.count >= Self.chunk { try send() }
    }

    /// Bytes as they are, cut anywhere; in binary format the whole file, header and trailer included.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        isRaw = true
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Self.chunk)
            unsent.buffer.append(UnsafeRawBufferPointer(rebasing: piece))
            rest = rest.dropFirst(piece.count)
            if unsent.buffer.count >= Self.chunk { try send() }
        }
    }

    public func write(_ bytes: [UInt8]) throws(PostgresError) {
        let outcome = bytes.withUnsafeBytes { bytes -> PostgresError? in
            do throws(PostgresError) {
                try write(bytes)
                return nil
            } catch {
                return error
            }
        }
        if let outcome { throw outcome }
    }

    private func put(_ text: StaticString) {
        unsent.buffer.append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func escape(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): put("\\\\")
            case UInt8(ascii: "\n"): put("\\n")
            case UInt8(ascii: "\r"): put("\\r")
            case UInt8(ascii: "\t"): put("\\t")
            default: unsent.buffer.append(byte)
            }
        }
    }

    /// Everything is sent before more is accepted: libpq's own buffer would grow without bound.
    private func send() throws(PostgresError) {
        let sent = unsent.buffer.withBytes { PQputCopyData(link.raw, $0.baseAddress, Int32($0.count)) }
        guard sent == 1 else { throw link.lost(sql) }
        unsent.buffer.reset()
        try link.flush(sql)
    }

    private func appendHeader() {
        guard !hasHeader else { return }
        Self.binaryHeader.withUnsafeBytes { unsent.buffer.append($0) }
        hasHeader = true
    }

    /// No rows at all are a header and a trailer too.
    func finish() throws(PostgresError) {
        if isBinary, hasHeader || !isRaw {
            appendHeader()
            unsent.buffer.append(Int16(-1))
        }
        if unsent.buffer.count > 0 { try send() }
    }

    func end(complaint: String?) throws(PostgresError) {
        guard PQputCopyEnd(link.raw, complaint) == 1 else { throw link.lost(sql) }
        try link.flush(sql)
    }
}
