import Hashing

/// An API key: a random text that its owner alone has, and that is known here by its SHA-256. Nothing slower is needed:
/// there are too many such texts to try.
package enum APIKey {
    package static let prefix = "of_"
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    /// 43 of 62 characters are 256 bits.
    private static let length = 43
    /// Characters of a key's name.
    package static let nameLimit = 64

    /// A new one, by the system's random numbers (getrandom(2)).
    package static func generate() -> String {
        var numbers = SystemRandomNumberGenerator()
        return prefix + String((0..<length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &numbers)] })
    }

    static func isOne(_ credential: UnsafeRawBufferPointer) -> Bool { credential.starts(with: prefix.utf8) }

    /// What the principal of a key is called.
    package static func subject(_ name: String) -> String { "key:\(name)" }

    /// Letters, digits, dots, underscores and hyphens of ASCII.
    package static func isName(_ text: String) -> Bool {
        (1...nameLimit).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }

    /// The rights that a key can have: it is no customer, and so has no orders of its own.
    package static let rights = Right.scopes.filter { $0 != .ordersReadOwn && $0 != .ordersWriteOwn }
}
