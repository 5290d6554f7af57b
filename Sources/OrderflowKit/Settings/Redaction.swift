/// Takes the secrets out of a setting's text. Where it isn't sure what is secret, all of it goes.
package enum Redaction {
    package static let mark = "***"

    package static func redact(_ text: String) -> String {
        if text.isEmpty { return text }
        guard let scheme = text.range(of: "://") else {
            return text.contains("=") ? redactPairs(text, separator: " ") : mark
        }
        let rest = text[scheme.upperBound...]
        // The last @ counts: a password may contain one by mistake.
        guard let at = rest.lastIndex(of: "@") else { return text[..<scheme.upperBound] + redactQuery(rest) }
        let (user, password) = splitOnce(rest[..<at], at: ":")
        if rest[..<at].contains("?") { return text[..<scheme.upperBound] + mark }
        return text[..<scheme.upperBound] + user + (password == nil ? "" : ":" + mark) + redactQuery(rest[at...])
    }

    private static func redactQuery(_ address: Substring) -> String {
        let (path, query) = splitOnce(address, at: "?")
        return path + (query.map { "?" + redactPairs(String($0), separator: "&") } ?? "")
    }

    /// `password=…` among pairs, quoted or not.
    private static func redactPairs(_ text: String, separator: Character) -> String {
        var isHidden = false
        return text.split(separator: separator, omittingEmptySubsequences: false).compactMap { pair -> String? in
            let (key, value) = splitOnce(pair, at: "=")
            // A word without a key goes on the value before it.
            guard value != nil else { return isHidden ? nil : String(pair) }
            isHidden = isSecret(String(key))
            return isHidden ? "\(key)=\(mark)" : String(pair)
        }.joined(separator: String(separator))
    }

    /// Whether a libpq keyword or a librdkafka property holds a secret.
    package static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        let words = ["password", "passfile", "secret", "token", "ssl.key", "ssl_key", "keystore", "oauthbearer.config"]
        return words.contains { name.contains($0) } || name.hasSuffix(".pem")
    }

    private static func splitOnce(_ text: Substring, at separator: Character) -> (Substring, Substring?) {
        guard let index = text.firstIndex(of: separator) else { return (text, nil) }
        return (text[..<index], text[text.index(after: index)...])
    }
}
