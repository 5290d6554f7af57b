import Testing

@testable import Sealing

/// What is sealed comes back whole or not at all.
@Suite struct SymmetricKeyTests {
    private func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
    }

    /// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, test cases 13 and 14.
    @Test(arguments: [
        ("", "", "530f8afbc74536b9a963b4f1c4cb738b"),
        (
            "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"
        ),
    ])
    func examples(_ content: String, _ cipher: String, _ tag: String) {
        let key = SymmetricKey([UInt8](repeating: 0, count: SymmetricKey.size))
        let sealed = [UInt8](repeating: 0, count: 12) + bytes(cipher) + bytes(tag)
        #expect(key.open(sealed, for: "") == bytes(content))
    }

    @Test func nothingElseOpensIt() {
        let key = SymmetricKey([UInt8](0..<32))
        for content in [[], [7], Array("a credential".utf8), [UInt8](repeating: 9, count: 5_000)] {
            let sealed = key.seal(content, for: "one thing")
            #expect(sealed.count == content.count + SymmetricKey.overhead)
            #expect(key.open(sealed, for: "one thing") == content)
            #expect(key.open(sealed, for: "another thing") == nil)
            #expect(key.open(sealed, for: "") == nil)
            #expect(SymmetricKey([UInt8](1...32)).open(sealed, for: "one thing") == nil)
            for place in [0, 11, 12, sealed.count - 17, sealed.count - 1] {
                var changed = sealed
                changed[place] ^= 1
                #expect(key.open(changed, for: "one thing") == nil, "\(place) of \(sealed.count)")
            }
            for count in [0, 1, 27, 28, sealed.count - 1] where count < sealed.count {
                #expect(key.open(Array(sealed.prefix(count)), for: "one thing") == nil)
            }
            #expect(key.seal(content, for: "one thing") != sealed, "a nonce of its own each time")
        }
    }
}
