import Testing

@testable import Hashing

@Suite struct WebhookSignatureTests {
    /// From the tests of the libraries at github.com/standard-webhooks/standard-webhooks (webhook_test.go,
    /// test_webhooks.py), and its spec's secrets.
    @Test func thePublishedVector() throws {
        let secret = try #require(WebhookSecret(text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let value = WebhookSignature.value(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8),
            secrets: [secret])
        #expect(value == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func bothSecretsSignWhileOneIsExchanged() {
        let (old, new) = (WebhookSecret.random(), WebhookSecret.random())
        func sign(_ secrets: [WebhookSecret]) -> String {
            WebhookSignature.value(id: "a", timestamp: 1, body: [1, 2, 3], secrets: secrets)
        }
        #expect(sign([new, old]) == sign([new]) + " " + sign([old]))
        #expect(sign([new]) != sign([old]))
        for changed in [
            WebhookSignature.value(id: "b", timestamp: 1, body: [1, 2, 3], secrets: [new]),
            WebhookSignature.value(id: "a", timestamp: 2, body: [1, 2, 3], secrets: [new]),
            WebhookSignature.value(id: "a", timestamp: 1, body: [1, 2], secrets: [new]),
        ] {
            #expect(changed != sign([new]))
        }
    }

    @Test func aSecretIsReadAsItWasWritten() throws {
        for _ in 0..<20 {
            let secret = WebhookSecret.random()
            #expect(try #require(WebhookSecret(text: secret.text)) == secret)
            #expect(secret.text.count == 6 + 44)
            #expect(!"\(secret)".contains(secret.text) && !String(reflecting: secret).contains(secret.text))
        }
        for size in [24, 63, 64] {
            #expect(WebhookSecret(text: "whsec_" + Base64.encode([UInt8](repeating: 7, count: size))) != nil)
        }
        for text in [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-",
            "whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_" + Base64.encode([UInt8](repeating: 7, count: 65)),
        ] {
            #expect(WebhookSecret(text: text) == nil, "\(text)")
        }
    }

    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]) func base64(_ content: String, _ text: String) {
        #expect(Base64.encode(Array(content.utf8)) == text)
        #expect(Base64.decode(text) == Array(content.utf8))
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Z===", "====", "Zm9v\n", "Zm 9", "Zm9vZg==Zm9v"]) func noBase64(
        _ text: String
    ) {
        #expect(Base64.decode(text) == nil)
    }
}
