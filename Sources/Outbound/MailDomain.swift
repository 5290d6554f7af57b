import CLibcurl

extension MailMessage {
    /// The mail with its domains as every server takes them: beyond ASCII in their IDNA form (RFC 5890 §2.3.2.1,
    /// `xn--…`). Local parts have no such form.
    func withASCIIDomains() throws(MailError) -> MailMessage {
        // The shop's own domain is for an operator to put right: no mail is given up for it.
        guard let messageID = Self.ascii(messageID), let from = Self.ascii(from) else {
            throw .transient("the domain of \(from) or \(messageID) has no ASCII form")
        }
        guard let to = Self.ascii(to) else { throw .permanent("the domain of \(to) has no ASCII form") }
        do {
            return try MailMessage(messageID: messageID, from: from, to: to, subject: subject, body: body, date: date)
        } catch {
            throw .permanent("\(error)")
        }
    }

    /// Whether only a server with SMTPUTF8 can take it (RFC 6531): the domains are ASCII.
    var needsSMTPUTF8: Bool { !Self.isASCII(from) || !Self.isASCII(to) }

    /// What is said where the server has none. A sender that no mail can have is no mail's fault.
    var lacksSMTPUTF8: MailError {
        Self.isASCII(from)
            ? .permanent("\(to) needs a mail server with SMTPUTF8, and this one has none")
            : .transient("mail.from \(from) needs a mail server with SMTPUTF8, and this one has none")
    }

    /// Nil where there is no such form.
    private static func ascii(_ address: String) -> String? {
        guard !isASCII(address), let at = address.lastIndex(of: "@") else { return address }
        let domain = String(address[address.index(after: at)...])
        guard !isASCII(domain) else { return address }
        guard let text = orderflow_curl_ascii_host(domain) else { return nil }
        defer { curl_free(text) }
        return "\(address[...at])\(String(cString: text))"
    }

    private static func isASCII(_ text: String) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }
}
