import Foundation
import Hashing

/// The keys of one source of facts: the first one signs, all of them verify, so that a new one can be given out before it
/// is used and an old one be taken back after.
public struct SourceKeys: Sendable {
    let signing: (id: String, key: AuthenticationKey)
    let all: [String: AuthenticationKey]

    /// Bytes that a secret has at least.
    public static let secretSize = 32
    /// Characters of a key's id at most.
    static let idLimit = 32

    /// Reads a file of keys: a line each, the newest first: an id of letters, digits and `-`, a blank, the secret in Base64.
    /// Empty lines and those that begin with `#` are passed over.
    public init(lines: String) throws(KeyFlaw) {
        var first: (id: String, key: AuthenticationKey)?
        var all: [String: AuthenticationKey] = [:]
        for (number, line) in lines.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            // Nothing of a line is repeated: it is a secret.
            guard words.count == 2, Self.isID(words[0]) else {
                throw KeyFlaw("line \(number + 1) must be an id, a blank and a secret in Base64")
            }
            guard let secret = Data(base64Encoded: String(words[1])), secret.count >= Self.secretSize else {
                throw KeyFlaw("the secret in line \(number + 1) must be Base64 of \(Self.secretSize) bytes or more")
            }
            let id = String(words[0])
            guard all[id] == nil else { throw KeyFlaw("the id in line \(number + 1) is there twice") }
            let key = AuthenticationKey([UInt8](secret))
            all[id] = key
            first = first ?? (id, key)
        }
        guard let first else { throw KeyFlaw("it has no key") }
        signing = first
        self.all = all
    }

    /// A line with a new key, named by the day and a few random digits.
    public static func line(at now: Date) -> String {
        let day = now.formatted(.iso8601.year().month().day().dateSeparator(.omitted))
        let mark = Hexadecimal.text(SecretBytes.make(2))
        return "\(day)-\(mark) \(Data(SecretBytes.make(secretSize)).base64EncodedString())"
    }

    private static func isID(_ text: Substring) -> Bool {
        (1...idLimit).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    }
}

/// What is wrong with a file of keys.
public struct KeyFlaw: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
