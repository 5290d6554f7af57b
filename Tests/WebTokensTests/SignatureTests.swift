import JSON
import TestTokens
import Testing

@testable import WebTokens

/// Against the examples of the standards.
@Suite struct SignatureTests {
    private static let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    /// RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4.
    private static let examples: [(key: String, signed: String, signature: String)] = [
        (
            #"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
            "eyJhbGciOiJSUzI1NiJ9." + claims,
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        ),
        (
            #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9." + claims,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        ),
        (
            #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        ),
    ]

    @Test(arguments: 0..<3) func theStandardsExamplesVerifyAndNothingNearThemDoes(_ number: Int) throws {
        let example = Self.examples[number]
        let set = try JSONWebKeySet(Array(#"{"keys":[\#(example.key)]}"#.utf8))
        let key = set.entries[0].key
        let signature = try #require(Base64URL.decode(example.signature))
        func verifies(_ signature: [UInt8], _ signed: String) -> Bool {
            Array(signed.utf8).withUnsafeBytes { key.verifies(signature, over: $0) }
        }
        #expect(verifies(signature, example.signed))
        #expect(!verifies(signature, example.signed + "A"))
        for index in [0, signature.count / 2, signature.count - 1] {
            var wrong = signature
            wrong[index] ^= 1
            #expect(!verifies(wrong, example.signed))
        }
        let others: [[UInt8]] = [
            [], Array(signature.dropLast()), signature + [0], [UInt8](repeating: 0, count: signature.count),
        ]
        for wrong in others {
            #expect(!verifies(wrong, example.signed))
        }
    }

    /// What no encoder writes is a second text of one content.
    @Test func base64IsTakenAsEncodersWriteIt() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 250) }
            #expect(Base64URL.decode(TestIssuer.text(bytes)) == bytes)
        }
        #expect(Base64URL.decode("_-8") == [0xFF, 0xEF])
        for text in ["A", "AB", "AAB", "AAAAA", "AA==", "A+A", "A/AA", " AAA", "AA\n", "ÄAA"] {
            #expect(Base64URL.decode(text) == nil, "\(text)")
        }
    }

    @Test func onlyStrongPublicKeysForOneOfOurAlgorithmsAreUsed() throws {
        let good = Self.examples[1].key
        let ed = Self.examples[2].key
        func changed(_ key: String, _ member: String, _ value: JSONValue?) throws -> String {
            guard case .object(var object) = try JSONValue(parsing: key) else { return key }
            object[member] = value
            return JSONValue.object(object).description
        }
        let bad: [String] = [
            try changed(good, "use", "enc"), try changed(good, "alg", "ES384"), try changed(good, "alg", "RS256"),
            try changed(good, "key_ops", ["sign"]), try changed(good, "d", "AAAA"), try changed(good, "x", nil),
            // Not on the curve, and not as long as it has to be.
            try changed(good, "x", .string(TestIssuer.text([UInt8](repeating: 1, count: 32)))),
            try changed(good, "y", "AAAA"), try changed(good, "crv", "P-384"), try changed(ed, "x", "AAAA"),
            try changed(ed, "crv", "X25519"), #"{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}"#,
            // 1024 bits, and an even exponent.
            #"{"kty":"RSA","n":"\#(TestIssuer.text([UInt8](repeating: 0xC5, count: 128)))","e":"AQAB"}"#,
            try changed(Self.examples[0].key, "e", "Ag"), try changed(Self.examples[0].key, "e", "AQ"), "1", "null",
        ]
        for key in bad {
            let set = try JSONWebKeySet(Array(#"{"keys":[\#(key),\#(ed)]}"#.utf8))
            #expect(set.entries.count == 1 && set.skipped.count == 1, "\(key)")
            #expect(throws: JSONWebKeySet.Unusable.self) { try JSONWebKeySet(Array(#"{"keys":[\#(key)]}"#.utf8)) }
        }
        for document in ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, "{"] {
            #expect(throws: JSONWebKeySet.Unusable.self, "\(document)") { try JSONWebKeySet(Array(document.utf8)) }
        }
        #expect(try JSONWebKeySet(Array(#"{"keys":[\#(try changed(ed, "alg", "Ed25519"))]}"#.utf8)).count == 1)
    }
}
