extension SettingTable {
    static let auth = [
        SettingKey(
            "auth.mode", \.auth.mode, optional: .choice,
            """
            required: callers bring a token of the identity provider or an API key (`orderflow keys create`), as \
            Authorization: Bearer. open: everybody may do everything, for every tenant. Empty is open where http.host is \
            an address of this machine alone; on any other a daemon doesn't start until one is chosen.
            """),
        SettingKey(
            "auth.jwks_url", \.auth.jwksURL, optional: .url("https", "http", example: "https://id.example/jwks.json"),
            secret: true,
            """
            The identity provider's public keys (JWKS, RFC 7517), which its tokens are checked by: RS256, ES256 or EdDSA. \
            Read again every 5 minutes, and when a token names an unknown key.
            """),
        SettingKey(
            "auth.jwks_file", \.auth.jwksFile, optional: .path,
            "The same from a file, which is looked at every 10 seconds. Without file and URL only API keys are taken."),
        SettingKey(
            "auth.issuer", \.auth.issuer, optional: .text,
            "What a token's claim iss has to be, character for character."
        ),
        SettingKey(
            "auth.audience", \.auth.audience, optional: .text, "What has to be among a token's claim aud: this shop."),
        SettingKey(
            "auth.tenant_claim", \.auth.tenantClaim, optional: .text,
            """
            The claim that names a token's tenant; a token without it is refused, unless it has the scope tenants:any. \
            Empty: tokens name none, and all are of the tenant "default".
            """),
        SettingKey(
            "auth.clock_skew", \.auth.clockSkew, .duration(.zero ... .seconds(300)),
            "How far the identity provider's clock may be from ours, for exp and nbf."),
        SettingKey(
            "auth.service_key", \.auth.serviceKey, optional: .serviceKey, password: true,
            """
            A random text that the processes of this installation show each other where auth.mode is required: the \
            dashboard asks the roles, the API asks the saga. The same for all; `openssl rand -hex 32` makes one. \
            `orderflow up` makes one for its own roles where it is empty. Not taken from the command line.
            """),
    ]
}

extension SettingFormat where Value == String {
    /// RFC 6750 §2.1 "b64token", long enough that nobody guesses it.
    fileprivate static let serviceKey = SettingFormat(
        expected: "32 to 512 letters, digits and -._~+/= at random",
        parse: { text in
            (32...512).contains(text.utf8.count) && SettingFormat<String>.bearerToken.parse(text) != nil ? text : nil
        }, write: { $0 })
}
