import Testing

@testable import OrderflowApp
@testable import OrderflowKit

@Suite struct SettingFormatTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("1.5s", .milliseconds(1500)),
        ("1m30s", .seconds(90)), ("2h", .seconds(7200)), ("1d", .seconds(86_400)), ("0s", .zero),
        ("100us", .microseconds(100)), ("0.001ms", .microseconds(1)), ("1.50s", .milliseconds(1500)),
    ])
    func readsDurations(text: String, expected: Duration) {
        #expect(DurationText.parse(text) == expected)
    }

    @Test(arguments: [
        "", "30", "s", "-1s", "+1s", "1 s", " 1s", "1s ", "1.s", ".5s", "1..5s", "1,5s", "1S", "1sec", "1min", "ms",
        "١s", "99999999999999999999s", "9999999999d", "0.0000000001s", "1.00000000001s", "1e3s", "1s-1s", "0x10s",
        "1m30",
    ])
    func refusesWhatIsNoDuration(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: ["1us", "250ms", "30s", "90s", "1m", "2h", "3d", "0s", "1001ms"])
    func writesDurationsAsTheyAreRead(text: String) throws {
        #expect(DurationText.write(try #require(DurationText.parse(text))) == text)
    }

    @Test(arguments: [
        ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("500kB", 500_000), ("3MB", 3_000_000), ("7B", 7),
        ("1024", 1024), ("0", 0),
    ])
    func readsSizes(text: String, expected: Int) {
        #expect(ByteSizeText.parse(text) == expected)
        #expect(ByteSizeText.parse(ByteSizeText.write(expected)) == expected)
    }

    @Test(arguments: ["", "KiB", "-1KiB", "1.5KiB", "64 KiB", "64kib", "64K", "99999999999999999999B", "9999999999GiB"])
    func refusesWhatIsNoSize(text: String) {
        #expect(ByteSizeText.parse(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:9092", true), ("a:1,b:2", true), ("[::1]:9092", true), ("a", false), ("a:", false),
        (":9092", false),
        ("a:0", false), ("a:70000", false), ("a:1,", false), ("a:1, b:2", false), ("", false),
    ])
    func checksBrokers(text: String, good: Bool) {
        #expect((SettingFormat.brokers.parse(text) != nil) == good)
    }

    @Test(arguments: [
        ("a@b.example", true), ("a", false), ("a@", false), ("@b", false), ("a@b@c", false), ("A <a@b>", false),
        ("a@b\r\nBcc:c@d", false), ("a,b@c", false),
    ])
    func checksMailAddresses(text: String, good: Bool) {
        #expect((SettingFormat.mailAddress.parse(text) != nil) == good)
    }

    @Test(arguments: [
        ("postgresql://a:secret@h:5432/d", "postgresql://a:***@h:5432/d"),
        ("postgresql://a:se:cr@et@h/d", "postgresql://a:***@h/d"),
        ("postgresql://a@h/d", "postgresql://a@h/d"),
        ("postgresql://h:5432,i:5433/d", "postgresql://h:5432,i:5433/d"),
        ("postgresql://h/d?user=a&password=secret", "postgresql://h/d?user=a&password=***"),
        (
            "postgresql://a:b@h/d?sslmode=require&sslpassword=secret",
            "postgresql://a:***@h/d?sslmode=require&sslpassword=***"
        ),
        ("postgresql://a:sec?ret@h/d", "postgresql://***"),
        ("host=h password=secret dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='se cret' dbname=d", "host=h password=*** dbname=d"),
        ("smtps://user:secret@mail:465", "smtps://user:***@mail:465"),
        ("secret", "***"), ("", ""),
        // A user alone is a name to a database, and may be a token elsewhere.
        ("https://secret@pay.example/v1", "https://***@pay.example/v1"),
        ("https://pay.example/v1?apikey=secret&x=secret", "https://pay.example/v1?apikey=***&x=***"),
        ("https://pay.example/v1?secret", "https://pay.example/v1?***"),
        ("https://pay.example/v1#secret", "https://***"),
        ("https://pay.example/secret@v1", "https://***"),
        ("postgresql://a:se#cret@h/d", "postgresql://a:***@h/d"),
        ("postgresql://a:se/cret@h/d", "postgresql://a:***@h/d"),
        (
            "payment=http://u:secret@p:3000,saga=http://s:3000/?k=secret",
            "payment=http://u:***@p:3000,saga=http://s:3000/?k=***"
        ),
    ])
    func hidesSecrets(text: String, shown: String) {
        #expect(Redaction.redact(text) == shown)
    }

    @Test(arguments: [
        ("sasl.password", true), ("ssl.key.password", true), ("ssl.key.pem", true), ("ssl.keystore.password", true),
        ("sasl.oauthbearer.client.secret", true), ("sasl.oauthbearer.config", true), ("sasl.username", false),
        ("security.protocol", false), ("ssl.ca.location", false), ("linger.ms", false), ("sasl.jaas.config", true),
        ("sasl.oauthbearer.assertion.private.key.passphrase", true), ("ssl.key.location", false),
        ("sasl.oauthbearer.token.endpoint.url", false),
    ])
    func knowsSecretProperties(property: String, secret: Bool) {
        #expect(Redaction.isSecret(property) == secret)
    }

    @Test(arguments: [
        ("http.prt", "http.port"), ("kafka.broker", "kafka.brokers"), ("brokers", "kafka.brokers"),
        ("htpt.port", "http.port"), ("log.fromat", "log.format"),
    ])
    func suggestsTheClosestName(mistyped: String, expected: String) {
        #expect(Suggestion.closest(to: mistyped, among: OrderflowApp.services.settings.keys.map(\.name)) == expected)
    }

    @Test func suggestsNothingForNonsense() {
        #expect(Suggestion.closest(to: "xyzzy.plugh", among: OrderflowApp.services.settings.keys.map(\.name)) == nil)
    }
}
