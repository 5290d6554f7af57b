import Hashing
import Testing

/// Against the published examples.
@Suite struct DigestTests {
    /// FIPS 180-4's examples (csrc.nist.gov, "Cryptographic Standards and Guidelines", SHA) and the empty message.
    @Test(arguments: [
        (Digest.sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (.sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            .sha1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        (.sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            .sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func examples(_ digest: Digest, _ text: String, _ hash: String) {
        let found = digest.hash(Array(text.utf8))
        #expect(found.count == digest.size)
        #expect(found.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == hash)
    }

    /// Many threads at once get what one gets.
    @Test func threadsDontDisturbEachOther() async {
        let wanted = (0..<64).map { Digest.sha1.hash([UInt8(truncatingIfNeeded: $0)]) }
        await withTaskGroup(of: [[UInt8]].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<64).map { Digest.sha1.hash([UInt8(truncatingIfNeeded: $0)]) } }
            }
            for await found in group { #expect(found == wanted) }
        }
    }
}
