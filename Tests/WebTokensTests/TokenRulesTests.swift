import JSON
import Randomness
import TestTokens
import Testing

@testable import WebTokens

/// What a token has to say, and that nothing else is taken.
@Suite struct TokenRulesTests {
    private static let now: Int64 = 1_800_000_000
    private let issuer = TestIssuer()
    private let rules = TokenRules(
        issuer: TestIssuer.name, audience: TestIssuer.audience, tenantClaim: "tenant", clockSkew: 30)

    private func check(
        _ token: String, by keys: String? = nil, at now: Int64 = now, _ rules: TokenRules? = nil
    ) throws(TokenError) -> TokenRules.Claims {
        guard let keys = try? JSONWebKeySet(Array((keys ?? issuer.keySet()).utf8)) else { throw .malformed }
        let bytes = Array(token.utf8)
        let outcome = bytes.withUnsafeBytes { bytes in
            Result { () throws(TokenError) in try (rules ?? self.rules).check(bytes, by: keys, at: now) }
        }
        return try outcome.get()
    }

    private func fate(_ token: String, by keys: String? = nil, at now: Int64 = now) -> TokenError? {
        do throws(TokenError) {
            _ = try check(token, by: keys, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func aGoodTokenSaysWhoForWhomAndWhat() throws {
        let claims = try check(issuer.token(["scp": ["stock:read"]], at: Self.now))
        #expect(
            claims
                == TokenRules.Claims(
                    subject: "alice", tenant: "acme", scopes: ["orders:read", "openid", "stock:read"],
                    end: Self.now + 330))
        var other = rules
        other.tenantClaim = "https://shop.example/tenant"
        #expect(try check(issuer.token(at: Self.now), other).tenant == nil)
    }

    /// What becomes of a good token with these claims and header members in it.
    private func expect(
        _ wanted: TokenError?, claims: [String: JSONValue] = [:], header: [String: JSONValue] = [:],
        at place: SourceLocation = #_sourceLocation
    ) {
        let found = fate(issuer.token(claims, header: header, at: Self.now))
        #expect(found == wanted, "\(claims) \(header)", sourceLocation: place)
    }

    private func time(_ seconds: Int64) -> JSONValue { .number(JSONNumber(seconds)) }

    @Test func whenItIsValidIsNamed() throws {
        let now = Self.now
        func number(_ text: String) throws -> JSONValue { .number(try #require(JSONNumber(text))) }
        expect(nil)
        expect(.expired, claims: ["exp": time(now - 30)])
        expect(nil, claims: ["exp": time(now - 29)])
        expect(nil, claims: ["exp": try number("1.8e9")])
        expect(nil, claims: ["exp": try number("1800000000.5")])
        expect(.malformed, claims: ["exp": try number("1e300")])
        expect(nil, claims: ["exp": time(.max)])
        expect(.expired, claims: ["exp": time(.min)])
        expect(.malformed, claims: ["exp": "soon"])
        expect(.malformed, claims: ["exp": .null])
        expect(.notYetValid, claims: ["nbf": time(now + 31)])
        expect(nil, claims: ["nbf": time(now + 30)])
        expect(nil, claims: ["nbf": time(.min)])
        expect(.malformed, claims: ["nbf": "x"])
    }

    @Test func whoseItIsIsNamed() {
        expect(.issuer, claims: ["iss": "https://id.example/"])
        expect(.issuer, claims: ["iss": .null])
        expect(.audience, claims: ["aud": "other"])
        expect(nil, claims: ["aud": ["other", "orderflow"]])
        expect(.audience, claims: ["aud": .null])
        expect(.audience, claims: ["aud": [1]])
        expect(.subject, claims: ["sub": .null])
        expect(.subject, claims: ["sub": ""])
        expect(.subject, claims: ["sub": "a b"])
        expect(.subject, claims: ["sub": "\u{e9}"])
        expect(.subject, claims: ["sub": .string(String(repeating: "a", count: 256))])
        expect(nil, claims: ["sub": .string(String(repeating: "a", count: 255))])
        expect(.tenant, claims: ["tenant": 1])
        expect(.malformed, claims: ["scope": 1])
        expect(nil, claims: ["scope": .null])
    }

    @Test func whatItsHeaderMayntSayIsNamed() {
        expect(nil, header: ["typ": "JWT"])
        expect(nil, header: ["typ": "application/AT+JWT"])
        expect(.type, header: ["typ": .null])
        expect(.type, header: ["typ": "id+jwt"])
        expect(.criticalHeader, header: ["crit": ["exp"]])
        for name in ["none", "None", "HS256", "RS512", "ES256", "RS256", "eddsa", ""] {
            expect(.algorithm, header: ["alg": .string(name)])
        }
        expect(.malformed, header: ["alg": .null])
        expect(nil, header: ["alg": "Ed25519"])
        expect(.unknownKey, header: ["kid": "k2"])
        expect(.malformed, header: ["kid": 1])
        expect(nil, header: ["kid": .null])
    }

    @Test func theKeyIsTheOneThatTheHeaderNames() {
        let other = TestIssuer("k1", seed: 9)
        let token = issuer.token(at: Self.now)
        #expect(fate(token, by: other.keySet()) == .signature)
        let second = TestIssuer("k2", seed: 9)
        #expect(fate(token, by: second.keySet(and: issuer)) == nil)
        // Without a name, of two it could be either.
        let nameless = issuer.token(header: ["kid": .null], at: Self.now)
        #expect(fate(nameless, by: second.keySet(and: issuer)) == .unknownKey)
    }

    @Test func whatIsNoTokenIsMalformed() {
        let token = issuer.token(at: Self.now)
        let parts = token.split(separator: ".").map(String.init)
        let object = TestIssuer.text(Array("{}".utf8))
        let repeated = TestIssuer.text(Array(#"{"alg":"EdDSA","alg":"EdDSA","typ":"JWT"}"#.utf8))
        let list = TestIssuer.text(Array("[]".utf8))
        let texts: [String] = [
            "", ".", "..", "a.b.c", "\(token).", "\(token).\(token)", ".\(token)", "\(parts[0]).\(parts[1])",
            "\(token)=", token.replacing(".", with: " "),
            issuer.token(header: object, payload: parts[1]), issuer.token(header: repeated, payload: parts[1]),
            issuer.token(header: parts[0], payload: "AAAA"), issuer.token(header: parts[0], payload: ""),
            issuer.token(header: parts[0], payload: list),
        ]
        #expect(fate("\(parts[0])..\(parts[2])") == .signature)
        for text in texts {
            #expect(fate(text) == .malformed, "\(text)")
        }
        #expect(fate(String(repeating: "a", count: 20_000)) == .tooLong)
        #expect(fate(issuer.token(["x": .string(String(repeating: "a", count: 8_000))], at: Self.now)) == .tooLong)
    }

    /// Whatever is changed in a token, it isn't taken any more.
    @Test func noChangedTokenIsTaken() {
        let token = Array(issuer.token(at: Self.now).utf8)
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(2_000) {
            var changed = token
            switch Int.random(in: 0..<4, using: &random) {
            case 0: changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            case 1: changed.remove(at: Int.random(in: changed.indices, using: &random))
            case 2:
                changed.insert(
                    UInt8.random(in: 0x20...0x7E, using: &random), at: Int.random(in: 0...changed.count, using: &random)
                )
            default: changed.removeLast(Int.random(in: 1...changed.count, using: &random))
            }
            guard changed != token else { continue }
            #expect(
                fate(String(decoding: changed, as: UTF8.self)) != nil, "\(String(decoding: changed, as: UTF8.self))")
        }
    }
}
