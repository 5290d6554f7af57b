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
        return try bytes.withUnsafeBytes { bytes throws(TokenError) in
            try (rules ?? self.rules).check(bytes, by: keys, at: now)
        }
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

    @Test func whatIsAmissIsNamed() throws {
        let now = Self.now
        func time(_ seconds: Int64) -> JSONValue { .number(JSONNumber(seconds)) }
        func number(_ text: String) throws -> JSONValue { .number(try #require(JSONNumber(text))) }
        let table: [(claims: [String: JSONValue], header: [String: JSONValue], fate: TokenError?)] = [
            ([:], [:], nil),
            (["exp": time(now - 31)], [:], .expired), (["exp": time(now - 29)], [:], nil),
            (["exp": try number("1.8e9")], [:], nil), (["exp": try number("1800000000.5")], [:], nil),
            (["exp": try number("1e300")], [:], .malformed), (["exp": time(.max)], [:], nil),
            (["exp": time(.min)], [:], .expired), (["exp": "soon"], [:], .malformed), (["exp": .null], [:], .malformed),
            (["nbf": time(now + 31)], [:], .notYetValid), (["nbf": time(now + 30)], [:], nil),
            (["nbf": time(.min)], [:], nil), (["nbf": "x"], [:], .malformed),
            (["iss": "https://id.example/"], [:], .issuer), (["iss": .null], [:], .issuer),
            (["aud": "other"], [:], .audience), (["aud": ["other", "orderflow"]], [:], nil),
            (["aud": .null], [:], .audience), (["aud": [1]], [:], .audience),
            (["sub": .null], [:], .subject), (["sub": ""], [:], .subject), (["sub": "a b"], [:], .subject),
            (["sub": "\u{e9}"], [:], .subject), (["sub": .string(String(repeating: "a", count: 256))], [:], .subject),
            (["tenant": 1], [:], .tenant), (["scope": 1], [:], .malformed), (["scope": .null], [:], nil),
            ([:], ["typ": "JWT"], nil), ([:], ["typ": "application/AT+JWT"], nil), ([:], ["typ": .null], .type),
            ([:], ["typ": "id+jwt"], .type), ([:], ["crit": ["exp"]], .criticalHeader),
            ([:], ["alg": "none"], .algorithm), ([:], ["alg": "HS256"], .algorithm),
            ([:], ["alg": "RS512"], .algorithm),
            ([:], ["alg": "ES256"], .algorithm), ([:], ["alg": "eddsa"], .algorithm), ([:], ["alg": .null], .malformed),
            ([:], ["alg": "Ed25519"], nil), ([:], ["kid": "k2"], .unknownKey), ([:], ["kid": 1], .malformed),
            ([:], ["kid": .null], nil),
        ]
        for (claims, header, wanted) in table {
            #expect(fate(issuer.token(claims, header: header, at: now)) == wanted, "\(claims) \(header)")
        }
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
        for text in [
            "", ".", "..", "a.b.c", token + ".", token + "." + token, "." + token, parts[0] + "." + parts[1],
            parts[0] + ".." + parts[2], token + "=", token.replacing(".", with: " "),
            issuer.token(header: object, payload: parts[1]),
            issuer.token(
                header: TestIssuer.text(Array(#"{"alg":"EdDSA","alg":"EdDSA","typ":"JWT"}"#.utf8)), payload: parts[1]),
            issuer.token(header: parts[0], payload: "AAAA"), issuer.token(header: parts[0], payload: ""),
            issuer.token(header: parts[0], payload: TestIssuer.text(Array("[]".utf8))),
        ] {
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
