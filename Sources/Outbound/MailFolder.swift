#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Mails as files, for development: one `.eml` each, named after its Message-ID, so that a mail sent twice is one file.
public final class MailFolder: MailTransport {
    private let directory: String

    /// Makes the directory where it is missing.
    public init(_ directory: String) throws(MailError) {
        var made = ""
        for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && part.isEmpty ? "/" : part + "/"
            if part.isEmpty { continue }
            guard mkdir(made, 0o700) == 0 || errno == EEXIST || errno == EISDIR else {
                throw .transient("can't make \(made): \(String(cString: strerror(errno)))")
            }
        }
        self.directory = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
    }

    /// Written beside, then renamed: a reader of the folder sees whole mails only.
    public func send(_ mail: MailMessage) throws(MailError) {
        let name = mail.messageID.map { $0.isLetter || $0.isNumber || "-._@".contains($0) ? $0 : "_" }
        let path = "\(directory)/\(String(name)).eml"
        let temporary = "\(directory)/.\(String(name)).\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("open", temporary) }
        let bytes = mail.bytes
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(file, $0.baseAddress.unsafelyUnwrapped + written, $0.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("write", temporary)
                close(file)
                unlink(temporary)
                throw error
            }
            written += count
        }
        close(file)
        guard rename(temporary, path) == 0 else { throw failure("rename", path) }
    }

    private func failure(_ call: String, _ path: String) -> MailError {
        .transient("\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
