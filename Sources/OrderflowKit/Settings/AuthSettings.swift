import WebTokens

extension Settings {
    /// Who is let in.
    package struct Auth: Sendable {
        package enum Mode: String, Sendable, CaseIterable {
            /// Everybody, to everything.
            case open
            /// Who brings a token or an API key with the right that a route needs.
            case required
        }

        /// Nil is `open` where only this machine reaches the process, and else has to be chosen.
        package var mode: Mode?
        package var issuer: String?
        package var audience: String?
        package var jwksURL: String?
        package var jwksFile: String?
        /// Nil where tokens name no tenant.
        package var tenantClaim: String? = "tenant"
        package var clockSkew: Duration = .seconds(30)
        /// What the installation's processes bring to each other.
        package var serviceKey: String?
    }

    /// What holds for a process that answers HTTP. Throws where it has to be chosen and isn't.
    package func accessMode() throws(SettingsError) -> Auth.Mode {
        if let mode = auth.mode { return mode }
        guard !http.isLoopback else { return .open }
        throw SettingsError(problems: [
            """
            auth.mode: http.host \(http.host) can be reached from elsewhere, so choose one: "required" asks callers for \
            a token or an API key (orderflow keys create), "open" lets everybody do everything
            """
        ])
    }
}

extension Settings.Auth {
    var source: TokenKeys.Source? { jwksURL.map { .url($0) } ?? jwksFile.map { .file($0) } }

    /// Nil where issuer and audience aren't both set, and no token is taken.
    var rules: TokenRules? {
        guard let issuer, let audience else { return nil }
        return TokenRules(
            issuer: issuer, audience: audience, tenantClaim: tenantClaim, clockSkew: clockSkew.components.seconds)
    }

    /// What a process of the installation sends to another one.
    package var serviceHeaders: [(name: String, value: String)] {
        serviceKey.map { [("Authorization", "Bearer \($0)")] } ?? []
    }

    /// Values that are each fine and can't be together.
    var contradictions: [String] {
        var problems: [String] = []
        if jwksURL != nil, jwksFile != nil { problems.append("auth.jwks_url: set it or auth.jwks_file, not both") }
        if source != nil {
            // RFC 9068 §4: without them any token of the provider would do, whomever it was made for.
            if issuer == nil { problems.append("auth.issuer: has to be set where tokens are taken") }
            if audience == nil { problems.append("auth.audience: has to be set where tokens are taken") }
        }
        if let jwksURL, jwksURL.hasPrefix("http://"), !Self.isOnThisMachine(jwksURL) {
            problems.append("auth.jwks_url: must be https: who can change keys on their way can make tokens")
        }
        return problems
    }

    private static func isOnThisMachine(_ url: String) -> Bool {
        let authority = url.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { return false }
        let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
        return LoopbackHost.isOne(String(host))
    }
}

extension Settings.HTTP {
    /// Whether only this machine reaches what listens there.
    package var isLoopback: Bool { LoopbackHost.isOne(host) }
}

/// Addresses that only the machine itself reaches (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), and the name for them.
enum LoopbackHost {
    static func isOne(_ host: String) -> Bool {
        if ["localhost", "::1", "[::1]"].contains(host) { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
