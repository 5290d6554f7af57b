import CLibcurl

/// Sends mails by SMTP through libcurl; the connection is kept between mails.
///
/// `smtp://[user:password@]host[:port]`, `smtps://…` for TLS from the start; with `requiresTLS`, or a password to
/// protect, a plain connection must be upgraded by STARTTLS. One thread at a time.
///
/// Domains beyond ASCII go in their ASCII form. A local part beyond ASCII needs a server with SMTPUTF8 (RFC 6531): any
/// other is never told of the mail, which is refused for good.
public final class SMTPClient: MailTransport {
    private let handle: UnsafeMutableRawPointer
    private let url: String
    private let talk = SMTPTalk()

    public struct Configuration: Sendable {
        public var url: String
        public var requiresTLS = false
        public var connectTimeout: Duration = .seconds(5)
        public var timeout: Duration = .seconds(30)

        public init(url: String) { self.url = url }

        /// An attacker who cuts STARTTLS out of the server's answer would be sent the password.
        var usesTLSAlways: Bool { requiresTLS || url.contains("@") }
    }

    public init(_ configuration: Configuration) throws(MailError) {
        guard configuration.url.hasPrefix("smtp://") || configuration.url.hasPrefix("smtps://") else {
            throw .permanent("an SMTP URL starts with smtp:// or smtps://")
        }
        _ = Curl.ready
        guard let handle = curl_easy_init() else { throw .transient("libcurl is out of memory") }
        self.handle = handle
        url = configuration.url
        orderflow_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        orderflow_curl_set_long(handle, CURLOPT_UPLOAD, 1)
        orderflow_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(configuration.connectTimeout / .milliseconds(1)))
        orderflow_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(configuration.timeout / .milliseconds(1)))
        orderflow_curl_set_long(
            handle, CURLOPT_USE_SSL,
            Int(configuration.usesTLSAlways ? CURLUSESSL_ALL.rawValue : CURLUSESSL_TRY.rawValue))
        orderflow_curl_set_function(handle, CURLOPT_READFUNCTION) { target, size, count, opaque in
            guard let target, let opaque else { return 0 }
            return Unmanaged<UploadBuffer>.fromOpaque(opaque).takeUnretainedValue().read(into: target, size * count)
        }
        // libcurl hands each line of the server's replies to it (lib/pingpong.c).
        orderflow_curl_set_pointer(handle, CURLOPT_HEADERDATA, Unmanaged.passUnretained(talk).toOpaque())
        orderflow_curl_set_function(handle, CURLOPT_HEADERFUNCTION) { line, size, count, opaque in
            guard let line, let opaque else { return 0 }
            return Unmanaged<SMTPTalk>.fromOpaque(opaque).takeUnretainedValue().hear(line, size * count)
        }
    }

    /// Before the talk goes: the last word to a server is said here.
    deinit { curl_easy_cleanup(handle) }

    public func send(_ mail: MailMessage) throws(MailError) {
        let mail = try mail.withASCIIDomains()
        try talk.begin(mail)
        let upload = UploadBuffer(mail.bytes)
        let recipients = curl_slist_append(nil, "<\(mail.to)>")
        defer { curl_slist_free_all(recipients) }
        let code = url.withCString { url in
            "<\(mail.from)>".withCString { from in
                orderflow_curl_set_pointer(handle, CURLOPT_URL, url)
                orderflow_curl_set_pointer(handle, CURLOPT_MAIL_FROM, from)
                orderflow_curl_set_pointer(handle, CURLOPT_MAIL_RCPT, recipients)
                orderflow_curl_set_pointer(handle, CURLOPT_READDATA, Unmanaged.passUnretained(upload).toOpaque())
                return withExtendedLifetime(upload) { curl_easy_perform(handle) }
            }
        }
        guard code != CURLE_OK else { return }
        if talk.isGivenUp { throw mail.lacksSMTPUTF8 }
        var status = 0
        orderflow_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        let reason = "\(Curl.message(code))\(status > 0 ? " (SMTP \(status))" : "")"
        if Self.isOfMail(code, wasSent: upload.isDone) {
            if Self.refusals.contains(status) { throw .permanent(reason) }
            if Self.deferrals.contains(status) { throw .deferred(reason) }
        }
        // Once the whole text is out, only the server knows whether it took the mail.
        throw upload.isDone && status < 400 ? .outcomeUnknown(reason) : .transient(reason)
    }

    /// Whether a failure may be about this mail. A greeting of 554, a login that fails or TLS that is missing is about the
    /// server or its client: every mail would fail, and none is to be given up for it.
    private static func isOfMail(_ code: CURLcode, wasSent: Bool) -> Bool {
        // libcurl's lib/smtp.c: the first for MAIL, RCPT and DATA; the other for the greeting and for the whole text.
        code == CURLE_SEND_ERROR || (code == CURLE_WEIRD_SERVER_REPLY && wasSent)
    }

    /// RFC 5321 §4.2.1, but for what RFC 4954 §6 and RFC 3207 §4 say of authentication and encryption, which some
    /// servers ask for only at MAIL.
    private static let refusals = Set(500...599).subtracting([530, 534, 535, 538])
    /// RFC 5321 §4.2.3: mailbox unavailable, local error, insufficient storage. 421 closes the channel for all mails.
    private static let deferrals: Set = [450, 451, 452]
}

/// What is said on a client's connection, and whether the mail at hand can be sent on it.
private final class SMTPTalk {
    private var extensions = SMTPExtensions()
    private var needsSMTPUTF8 = false
    /// The server can't take the mail, and was told nothing of it.
    private(set) var isGivenUp = false

    /// A connection that is kept is known already.
    func begin(_ mail: MailMessage) throws(MailError) {
        isGivenUp = false
        needsSMTPUTF8 = mail.needsSMTPUTF8
        if mustGiveUp { throw mail.lacksSMTPUTF8 }
    }

    /// Anything but `count` makes libcurl give up.
    func hear(_ line: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        extensions.hear(UnsafeRawBufferPointer(start: line, count: count))
        isGivenUp = mustGiveUp
        return isGivenUp ? 0 : count
    }

    private var mustGiveUp: Bool { needsSMTPUTF8 && extensions.isKnown && !extensions.hasSMTPUTF8 }
}
