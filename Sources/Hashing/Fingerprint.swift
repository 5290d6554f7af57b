/// SHA-256 of something secret, to know it by without keeping it: 32 bytes in a value without memory of its own.
public struct Fingerprint: Hashable, Sendable {
    private let words: SIMD4<UInt64>

    public init(of bytes: UnsafeRawBufferPointer) {
        var words = SIMD4<UInt64>()
        withUnsafeMutableBytes(of: &words) { words in
            words.withMemoryRebound(to: UInt8.self) { Digest.sha256.hash(bytes, into: $0) }
        }
        self.words = words
    }

    public init(of text: String) {
        var text = text
        self = text.withUTF8 { Fingerprint(of: UnsafeRawBufferPointer($0)) }
    }

    /// One that was written as `bytes`; nil where these aren't 32.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    }

    public var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    // What a good hash begins with is as good a hash.
    public func hash(into hasher: inout Hasher) { hasher.combine(words[0]) }
}
