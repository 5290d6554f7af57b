import JSON

/// The public keys of an identity provider (RFC 7517 §5, RFC 8037), each with the one algorithm that it is for.
public struct JSONWebKeySet: Sendable {
    struct Entry: Sendable {
        /// `kid`; nil for a key without a name.
        let id: String?
        let key: VerificationKey
    }

    let entries: [Entry]
    /// Why keys of the set aren't used: one line each, for a log.
    public let skipped: [String]
    /// The document that it was read from, to tell whether another is the same.
    public let document: [UInt8]

    /// Keys that are used.
    public var count: Int { entries.count }

    /// Keys of a set, and bytes of its document.
    static let keyLimit = 64
    public static let documentLimit = 256 << 10

    /// A set without a key that can be used, or one that can't be read.
    public struct Unusable: Error, CustomStringConvertible {
        public let description: String
    }

    /// Keys of other kinds and uses are passed over (RFC 7517 §5).
    public init(_ document: [UInt8]) throws(Unusable) {
        guard document.count <= Self.documentLimit else {
            throw Unusable(description: "the key set has more than \(Self.documentLimit) bytes")
        }
        let keys: [JSONValue]
        do {
            guard let found = try JSONValue(parsing: document)["keys"]?.array else {
                throw Unusable(description: "a key set is an object with the array \"keys\" (RFC 7517)")
            }
            keys = found
        } catch {
            throw error as? Unusable ?? Unusable(description: "the key set is no JSON: \(error)")
        }
        guard keys.count <= Self.keyLimit else {
            throw Unusable(description: "the key set has more than \(Self.keyLimit) keys")
        }
        var entries: [Entry] = []
        var skipped: [String] = []
        for (index, key) in keys.enumerated() {
            let id = key["kid"]?.string
            do {
                entries.append(Entry(id: id, key: try Self.key(key)))
            } catch {
                skipped.append("key \(index + 1)\(id.map { " (\($0.prefix(64)))" } ?? ""): \(error)")
            }
        }
        guard !entries.isEmpty else {
            throw Unusable(
                description: "the key set has no key for RS256, ES256 or EdDSA"
                    + (skipped.isEmpty ? "" : ": " + skipped.joined(separator: "; ")))
        }
        self.entries = entries
        self.skipped = skipped
        self.document = document
    }

    /// Why one key isn't used.
    private struct Skipped: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private static func key(_ key: JSONValue) throws(Skipped) -> VerificationKey {
        guard (key["use"]?.string ?? "sig") == "sig",
            key["key_ops"]?.array.map({ $0.contains("verify") }) ?? true
        else { throw Skipped("not for signatures") }
        // A set that has secrets in it isn't the one to publish, and a symmetric key signs whatever it verifies.
        guard key["d"] == nil, key["k"] == nil else { throw Skipped("not a public key") }
        let made: VerificationKey?
        switch (key["kty"]?.string, key["crv"]?.string) {
        case ("RSA", _):
            made = number(key, "n").flatMap { n in
                number(key, "e").flatMap { VerificationKey(modulus: n, exponent: $0) }
            }
        case ("EC", "P-256"):
            made = number(key, "x").flatMap { x in number(key, "y").flatMap { VerificationKey(x: x, y: $0) } }
        case ("OKP", "Ed25519"): made = number(key, "x").flatMap { VerificationKey(ed25519: $0) }
        default: throw Skipped("of another kind than RSA, P-256 and Ed25519")
        }
        guard let made else { throw Skipped("malformed, or weak: an RSA modulus has 2048 to 8192 bits") }
        // "Ed25519" is what RFC 9864 calls this case of EdDSA.
        let names = made.algorithm == .eddsa ? ["EdDSA", "Ed25519"] : [made.algorithm.rawValue]
        guard let algorithm = key["alg"] else { return made }
        guard let name = algorithm.string, names.contains(name) else { throw Skipped("for another algorithm") }
        return made
    }

    private static func number(_ key: JSONValue, _ name: String) -> [UInt8]? {
        key[name]?.string.flatMap { Base64URL.decode($0) }
    }

    /// The key of a token's header.
    ///
    /// - Parameter id: nil where the header names none; then the algorithm has to have one key only.
    func key(_ id: String?, for algorithm: SigningAlgorithm) throws(TokenError) -> VerificationKey {
        guard let id else {
            let candidates = entries.filter { $0.key.algorithm == algorithm }
            guard let only = candidates.first, candidates.count == 1 else { throw .unknownKey }
            return only.key
        }
        let named = entries.filter { $0.id == id }
        guard !named.isEmpty else { throw .unknownKey }
        guard let entry = named.first(where: { $0.key.algorithm == algorithm }) else { throw .algorithm }
        return entry.key
    }
}
