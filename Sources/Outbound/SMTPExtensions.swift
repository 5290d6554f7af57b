/// What a mail server says that it can do, gathered from the lines that it sends (RFC 5321 §4.1.1.1). libcurl keeps it to
/// itself, and sends an address beyond ASCII to a server that never said that it can take one. Keywords in small letters
/// are none here, since libcurl knows none (lib/smtp.c) and would leave SMTPUTF8 out.
struct SMTPExtensions {
    private(set) var hasSMTPUTF8 = false
    private var offersSTARTTLS = false
    /// After a greeting, and after the word that TLS may begin, the next reply is the one to EHLO (or HELO).
    private var isGreeted = false
    /// The reply to EHLO is complete, and no encryption is about to make it void (RFC 3207 §4.2).
    private(set) var isKnown = false

    /// - Parameter line: as it came, with or without its line end.
    mutating func hear(_ line: some Collection<UInt8>) {
        let text = String(decoding: line, as: UTF8.self)
        let keyword = text.dropFirst(4).prefix { !$0.isWhitespace }
        let isLast = text.dropFirst(3).first != "-"
        if text.hasPrefix("220") {
            self = SMTPExtensions()
            isGreeted = isLast
        } else if isGreeted, text.hasPrefix("250") {
            if keyword == "SMTPUTF8" { hasSMTPUTF8 = true }
            if keyword == "STARTTLS" { offersSTARTTLS = true }
            guard isLast else { return }
            isGreeted = false
            isKnown = !offersSTARTTLS
        }
    }
}
