#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Mails in a folder, for development: a mailbox for each day (UTC), `2026-11-30.mbox`, which mail readers open (RFC 4155;
/// lines that look like a mail's beginning are quoted as in "mboxrd").
///
/// A mail that is sent again is there again, with the same Message-ID. Any number of threads and processes may write: each
/// locks the file for as long as it takes. A file for each mail would cost a hundred times as much, most of it the search for
/// an inode, which on ext4 passes over all that were deleted in the last minutes.
public final class MailboxFolder: MailTransport {
    private let directory: String
    private let now: () -> Int

    /// Makes the directory where it is missing.
    ///
    /// - Parameter now: seconds since the Unix epoch.
    public init(_ directory: String, now: @escaping () -> Int = { time(nil) }) throws(MailError) {
        var made = ""
        for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && part.isEmpty ? "/" : part + "/"
            if part.isEmpty { continue }
            guard mkdir(made, 0o700) == 0 || errno == EEXIST || errno == EISDIR else {
                throw .transient("can't make \(made): \(String(cString: strerror(errno)))")
            }
        }
        self.directory = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        self.now = now
    }

    /// Written whole, or not at all.
    public func send(_ mail: MailMessage) throws(MailError) {
        let now = now()
        let path = "\(directory)/\(Self.text(of: now, "%Y-%m-%d")).mbox"
        // Opened for each mail: who tidies up, or archives, may take the file away at any time.
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("open", path) }
        defer { close(file) }
        while flock(file, LOCK_EX) != 0 {
            guard errno == EINTR else { throw failure("lock", path) }
        }
        let end = lseek(file, 0, SEEK_END)
        let bytes = Self.entry(mail, at: now)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + written }, $0.count - written) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("write", path)
                // What comes next has to begin on a line of its own.
                _ = ftruncate(file, end)
                throw error
            }
            written += count
        }
    }

    /// As it stands in the mailbox: with a line before it that says that a mail begins, and an empty one behind it.
    static func entry(_ mail: MailMessage, at now: Int) -> [UInt8] {
        let (newline, quote) = (UInt8(ascii: "\n"), UInt8(ascii: ">"))
        var entry = Array("From \(mail.from) \(text(of: now, "%a %b %e %H:%M:%S %Y"))\n".utf8)
        let bytes = mail.bytes
        entry.reserveCapacity(entry.count + bytes.count + 8)
        for line in bytes.split(separator: newline, omittingEmptySubsequences: false) {
            if line.drop(while: { $0 == quote }).starts(with: "From ".utf8) { entry.append(quote) }
            entry.append(contentsOf: line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            entry.append(newline)
        }
        return entry
    }

    /// `strftime` in UTC; English, since no program of ours sets a locale.
    private static func text(of seconds: Int, _ format: String) -> String {
        var (clock, parts) = (time_t(seconds), tm())
        gmtime_r(&clock, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let count = strftime(buffer.baseAddress, buffer.count, format, &parts)
            return String(decoding: UnsafeRawBufferPointer(buffer).prefix(count), as: UTF8.self)
        }
    }

    private func failure(_ call: String, _ path: String) -> MailError {
        .transient("\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
