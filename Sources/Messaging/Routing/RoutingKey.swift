/// What patterns of routes are held against: the tenant as one word, then the type's words in small letters, with dots
/// between them: `acme.order.created` for `OrderCreated` of the tenant `acme`.
public struct RoutingKey: Hashable, Sendable, CustomStringConvertible {
    public let words: [String]

    public init(tenant: String, type: String) {
        words = [Self.word(tenant)] + Self.words(of: type)
    }

    /// Words that are there already, for direct routes: as many dots as it has, it has words.
    init(_ text: String) { words = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init) }

    public var description: String { words.joined(separator: ".") }

    /// A tenant's name, which may have dots, as one word: no tenant's key looks like another's.
    public static func word(_ tenant: String) -> String {
        tenant.contains(".") ? tenant.replacing(".", with: "%2E") : tenant
    }

    /// `OrderCancellationRequested` as `order`, `cancellation`, `requested`; whatever is neither letter nor digit separates
    /// too.
    static func words(of type: String) -> [String] {
        var words: [String] = []
        var word = ""
        func end() {
            if !word.isEmpty { words.append(word.lowercased()) }
            word = ""
        }
        let letters = Array(type)
        for (index, letter) in letters.enumerated() {
            guard letter.isLetter || letter.isNumber else {
                end()
                continue
            }
            if letter.isUppercase, index > 0 {
                let follows = letters[index - 1]
                let isBeforeSmall = index + 1 < letters.count && letters[index + 1].isLowercase
                if follows.isLowercase || follows.isNumber || (follows.isUppercase && isBeforeSmall) { end() }
            }
            word.append(letter)
        }
        end()
        return words
    }
}
