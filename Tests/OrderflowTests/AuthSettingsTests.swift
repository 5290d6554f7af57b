import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// Who is let in, as it is configured.
@Suite struct AuthSettingsTests {
    private func settings(_ flags: [String: String], environment: [String: String] = [:]) throws -> Settings {
        try SettingsSources(
            OrderflowApp.services, configPath: DocumentsTests.root.appendingPathComponent("config/orderflow.yaml").path,
            environment: environment,
            flags: flags.map { SettingsSources.Flag(key: $0.key, text: $0.value, option: "--set") }
        ).load().settings
    }

    @Test func onlyWhereThisMachineAloneReachesItIsTheDoorOpenByItself() throws {
        for host in ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"] {
            #expect(try settings(["http.host": host]).accessMode() == .open, "\(host)")
            #expect(try settings(["http.host": host, "auth.mode": "required"]).accessMode() == .required)
        }
        for host in ["0.0.0.0", "::", "[::]", "10.0.0.1", "127.0.0.1.example", "127.0.0", "1270.0.0.1", "shop.example"]
        {
            #expect(throws: SettingsError.self, "\(host)") { try settings(["http.host": host]).accessMode() }
            #expect(try settings(["http.host": host, "auth.mode": "open"]).accessMode() == .open)
        }
    }

    @Test func whatWouldLetTooManyInIsRefused() throws {
        let rules = ["auth.issuer": "https://id.example", "auth.audience": "shop"]
        func expect(_ problem: String?, _ flags: [String: String], environment: [String: String] = [:]) throws {
            do {
                _ = try settings(flags, environment: environment)
                #expect(problem == nil, "\(flags)")
            } catch let error as SettingsError {
                #expect(error.problems.count == 1 && error.problems[0].hasPrefix(problem ?? "none"), "\(error)")
            }
        }
        func expect(_ problem: String?, url: String) throws {
            // Not a flag: what stands before an @ may be a secret.
            try expect(problem, rules, environment: ["ORDERFLOW_AUTH_JWKS_URL": url])
        }
        try expect(nil, url: "https://id.example/jwks")
        try expect(nil, url: "http://127.0.0.1:8080/jwks")
        try expect(nil, url: "http://[::1]:8080/jwks")
        try expect("auth.jwks_url: must be https", url: "http://id.example/jwks")
        try expect("auth.jwks_url: must be https", url: "http://127.0.0.1@id.example/")
        try expect("auth.jwks_url: must be https", url: "http://127.0.0.1.id.example/")
        try expect("auth.issuer: has to be set", ["auth.jwks_file": "/a", "auth.audience": "shop"])
        try expect("auth.audience: has to be set", ["auth.jwks_file": "/a", "auth.issuer": "shop"])
        let both = ["auth.jwks_file": "/a", "auth.jwks_url": "https://a"]
        try expect("auth.jwks_url: set it or auth.jwks_file, not both", rules.merging(both) { $1 })
        try expect("auth.clock_skew", ["auth.clock_skew": "1h"])
        try expect("auth.mode", ["auth.mode": "closed"])
        // Other users can read the command line.
        try expect("--set: other users could read", ["auth.service_key": String(repeating: "a", count: 32)])
        let key = "ORDERFLOW_AUTH_SERVICE_KEY"
        #expect(throws: SettingsError.self) { try settings([:], environment: [key: "short"]) }
        let long = String(repeating: "a", count: 32)
        #expect(try settings([:], environment: [key: long]).auth.serviceHeaders.map(\.value) == ["Bearer \(long)"])
        #expect(try settings(["auth.tenant_claim": ""]).auth.tenantClaim == nil)
    }
}
