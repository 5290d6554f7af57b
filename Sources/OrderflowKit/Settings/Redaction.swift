/// Takes the secrets out of a setting's text. Where it isn't sure what is secret, all of it goes.
package enum Redaction {
    package static let mark = "***"

    package static func redact(_ text: String) -> String {
        if text.isEmpty { return text }
        guard let scheme = text.range(of: "://") else {
            return text.contains("=") ? redactPairs(text, separator: " ", hides: isSecret) : mark
        }
        // `payment=http://…,shipping=http://…`; a URL's scheme has no such sign.
        if text[..<scheme.lowerBound].contains("=") { return redactList(text) }
        return text[..<scheme.upperBound]
            + redactAddress(text[scheme.upperBound...], isDatabase: text.hasPrefix("postgres"))
    }

    /// URLs with names, by commas. A comma inside of a URL leaves a piece without a name, which is hidden.
    private static func redactList(_ text: String) -> String {
        text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let (name, url) = splitOnce(part, at: "=")
            return name.contains("/") ? mark : name + (url.map { "=" + redact(String($0)) } ?? "")
        }.joined(separator: ",")
    }

    /// What follows a URL's scheme.
    private static func redactAddress(_ rest: Substring, isDatabase: Bool) -> String {
        // The last @ counts: a password may contain one by mistake.
        guard let at = rest.lastIndex(of: "@") else { return redactQuery(rest, isDatabase) }
        let userinfo = rest[..<at]
        if userinfo.contains("?") || userinfo.contains("/") && !isDatabase { return mark }
        let (user, password) = splitOnce(userinfo, at: ":")
        // A database's user is a name. Elsewhere a user alone may be a token, as many services take them.
        let shown = password == nil ? (isDatabase ? user : Substring(mark)) : user + ":" + mark
        return shown + redactQuery(rest[at...], isDatabase)
    }

    /// libpq's parameters are known; what another server's mean is not.
    private static func redactQuery(_ address: Substring, _ isDatabase: Bool) -> String {
        if address.contains("#") { return mark }
        let (path, query) = splitOnce(address, at: "?")
        guard let query else { return String(path) }
        let pairs = redactPairs(String(query), separator: "&") { isDatabase ? isSecret($0) : true }
        // A word without a key is a value to a server that takes one.
        return path + "?" + (isDatabase || query.contains("=") ? pairs : mark)
    }

    /// `password=…` among pairs, quoted or not.
    private static func redactPairs(
        _ text: String, separator: Character, hides: (String) -> Bool
    ) -> String {
        var isHidden = false
        return text.split(separator: separator, omittingEmptySubsequences: false).compactMap { pair -> String? in
            let (key, value) = splitOnce(pair, at: "=")
            // A word without a key goes on the value before it.
            guard value != nil else { return isHidden ? nil : String(pair) }
            isHidden = hides(String(key))
            return isHidden ? "\(key)=\(mark)" : String(pair)
        }.joined(separator: String(separator))
    }

    /// Whether a libpq keyword or a librdkafka property holds a secret. The place of a file that does is none.
    package static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        if name.hasSuffix(".location") || name.hasSuffix(".file") || name.hasSuffix(".url") { return false }
        let words = [
            "password", "passfile", "passphrase", "secret", "token", "ssl.key", "ssl_key", "keystore", "jaas",
            "private.key", "oauthbearer.config", "credential", "apikey", "api_key", "api.key",
        ]
        return words.contains { name.contains($0) } || name.hasSuffix(".pem")
    }

    private static func splitOnce(_ text: Substring, at separator: Character) -> (Substring, Substring?) {
        guard let index = text.firstIndex(of: separator) else { return (text, nil) }
        return (text[..<index], text[text.index(after: index)...])
    }
}
