import Hashing
import Testing

@Suite struct AuthenticationKeyTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// RFC 4231 §4.2, §4.3, §4.4, §4.7.
    @Test(
        arguments: [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ] as [([UInt8], [UInt8], String)])
    func examples(_ secret: [UInt8], _ message: [UInt8], _ code: String) {
        let key = AuthenticationKey(secret)
        // The key is used again: a message leaves nothing behind.
        _ = key.code(of: [1, 2, 3])
        #expect(hex(key.code(of: message)) == code)
        message.withUnsafeBytes { message in
            var wrong = key.code(of: message)
            #expect(key.isCode(wrong, of: message))
            wrong[31] ^= 1
            #expect(!key.isCode(wrong, of: message))
            #expect(!key.isCode(wrong.dropLast(), of: message))
        }
    }

    @Test func secretsDiffer() {
        #expect(SecretBytes.make(32).count == 32)
        #expect(SecretBytes.make(32) != SecretBytes.make(32))
    }
}
