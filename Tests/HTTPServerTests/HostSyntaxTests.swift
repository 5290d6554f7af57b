import Randomness
import Testing

@testable import HTTPServer

@Suite struct HostSyntaxTests {
    private func isValid(_ text: String) -> Bool { Array(text.utf8).withUnsafeBufferPointer { HostSyntax.isValid($0) } }

    @Test(arguments: [
        "a", "a.example", "a.example:80", "a:", "127.0.0.1:3000", "[::1]", "[::1]:3000", "[2001:db8::7]:", "a_b",
        "a%20b",
        "[::ffff:1.2.3.4]", "[v1.a:b]", "a..b", "xn--bcher-kva.example",
    ])
    func valid(_ host: String) { #expect(isValid(host)) }

    @Test(arguments: [
        "", ":80", "a:b", "a:b:c", "a:8:0", "a:-1", "::1", "[::1", "::1]", "][", "[]", "[::1]a", "[::1]:a", "[:::1]",
        "[g::1]",
        "[1.2.3.4]", "[fe80::1%25eth0]", "[v1]", "[v.a]", "[v1.]", "a%2", "a%zz", "a b", "a/b", "u@a", "a#b", "a?b",
        "[::1]]", "é",
    ])
    func invalid(_ host: String) { #expect(!isValid(host)) }

    /// Whatever it is made of: no trap, and what is taken has one host and at most one port.
    @Test func anythingIsJudged() {
        var random = SeededGenerator.fromEnvironment()
        let pieces = ["a", "1", ":", "[", "]", "::", "%", "%41", ".", "v1.", "@", "\u{0}", " ", "ffff", "/", "é"]
        for _ in 0..<20_000 {
            let host = (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            guard isValid(host) else { continue }
            let afterHost = host.hasPrefix("[") ? host.drop { $0 != "]" }.dropFirst() : host.drop { $0 != ":" }
            #expect(
                afterHost.isEmpty || afterHost.hasPrefix(":") && afterHost.dropFirst().allSatisfy(\.isNumber),
                "\(host), seed \(random.seed)")
            #expect(!host.contains { "@/ \u{0}é".contains($0) }, "\(host), seed \(random.seed)")
        }
    }
}
