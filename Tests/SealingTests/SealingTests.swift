import Testing

@testable import Sealing

@Suite struct SealingTests {
    private func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).map { offset in
            let start = hex.index(hex.startIndex, offsetBy: offset)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }

    /// RFC 9180 appendix A.1.1.
    @Test func theRFCsExample() throws {
        let info = bytes("4f6465206f6e2061204772656369616e2055726e")
        let ephemeral = bytes("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736")
        let sender = bytes("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
        let recipient = bytes("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
        let publicKey = bytes("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")
        #expect(X25519.publicKey(of: ephemeral) == sender)
        #expect(X25519.publicKey(of: recipient) == publicKey)
        let agreed = try #require(X25519.agree(ephemeral, publicKey))
        #expect(
            HPKE.sharedSecret(agreed, sender, publicKey)
                == bytes("fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"))
        for context in [
            HPKE.senderContext(ephemeral, to: publicKey, info: info, .aes128),
            HPKE.recipientContext(sender, recipient, publicKey, info: info, .aes128),
        ] {
            let context = try #require(context)
            #expect(context.key == bytes("4531685d41d65f03dc48f6b8302c05b0"))
            #expect(context.baseNonce == bytes("56d890e5accaaf011cff4b7d"))
            #expect(
                AESGCM.seal(
                    Array("Beauty is truth, truth beauty".utf8), context.key, nonce: context.nonce(0),
                    associated: Array("Count-0".utf8))
                    == bytes(
                        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"))
            #expect(context.nonce(1) == bytes("56d890e5accaaf011cff4b7c"))
        }
    }

    @Test func theOwnerOpensAndNobodyElse() throws {
        let key = OpeningKey()
        let sealing = try #require(SealingKey(publicKey: key.publicKey, purpose: "token"))
        let (text, order) = (Array("tok_1".utf8), Array("acme\0o-1".utf8))
        let sealed = sealing.seal(text, for: order)
        #expect(sealed.count == text.count + SealingKey.overhead)
        #expect(key.open(sealed, purpose: "token", for: order) == text)
        #expect(key.open(sealed, purpose: "token", for: Array("acme\0o-2".utf8)) == nil)
        #expect(key.open(sealed, purpose: "other", for: order) == nil)
        #expect(OpeningKey().open(sealed, purpose: "token", for: order) == nil)
        // A restart reads its key back.
        let again = try #require(OpeningKey(privateBytes: key.privateBytes))
        #expect(again.publicKey == key.publicKey)
        #expect(again.open(sealed, purpose: "token", for: order) == text)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            // The topmost bit of a public key counts for nothing (RFC 7748 §5), and that isn't flipped here.
            #expect(key.open(changed, purpose: "token", for: order) == nil, "byte \(index)")
        }
        for count in sealed.indices { #expect(key.open(Array(sealed[..<count]), purpose: "token", for: order) == nil) }
    }

    @Test func manyMessagesAreEachTheirOwn() throws {
        let key = OpeningKey()
        let sealing = try #require(SealingKey(publicKey: key.publicKey, purpose: "p"))
        let sealed = (0..<100).map { _ in sealing.seal([], for: []) }
        #expect(Set(sealed).count == 100)
        #expect(sealed.reversed().allSatisfy { key.open($0, purpose: "p", for: []) == [] })
    }

    @Test func whatIsNoKeyIsNone() {
        #expect(SealingKey(publicKey: [1, 2, 3], purpose: "p") == nil)
        #expect(SealingKey(publicKey: [UInt8](repeating: 0, count: 32), purpose: "p") == nil)
        #expect(OpeningKey(privateBytes: []) == nil)
    }
}
