import Hashing
import Testing

@testable import OrderflowKit

@Suite struct TokenCacheTests {
    private func fingerprint(_ number: Int) -> Fingerprint { Fingerprint(of: "\(number)") }

    /// Tokens that nobody brings twice push those out that nobody brings any more, and not those in use.
    @Test func itIsBoundedAndKeepsWhatIsInUse() {
        let cache = TokenCache<Int>(capacity: 2_048)
        func keep(_ number: Int) {
            cache.keep(.init(finding: number, end: .max, epoch: 1), for: fingerprint(number))
        }
        keep(-1)
        keep(-2)
        for number in 0..<10_000 {
            keep(number)
            if number.isMultiple(of: 50) { #expect(cache.entry(fingerprint(-1)) != nil) }
        }
        #expect(cache.entry(fingerprint(-2)) == nil)
        let kept = (0..<10_000).count { cache.entry(fingerprint($0)) != nil }
        #expect((900...2_100).contains(kept), "\(kept)")
    }

    @Test func fingerprintsAreTheHash() {
        #expect(Fingerprint(of: "abc").bytes == Digest.sha256.hash(Array("abc".utf8)))
        #expect(Fingerprint(bytes: Fingerprint(of: "abc").bytes) == Fingerprint(of: "abc"))
        #expect(Fingerprint(bytes: [1]) == nil)
    }
}
