/// A pattern over the words of a routing key (AMQP 0-9-1, §3.1.3.3 "The Topic Exchange Type"): `*` stands for exactly one
/// word, `#` for none or more, anything else for itself.
public struct RoutingPattern: Hashable, Sendable, CustomStringConvertible {
    private let words: [Word]

    private enum Word: Hashable, Sendable {
        case one
        case any
        case literal(String)
    }

    /// Why a text is no pattern.
    public struct Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// As long as AMQP's short strings.
    private static let limit = 255

    public init(_ text: String) throws(Flaw) {
        guard text.utf8.count <= Self.limit else { throw Flaw(description: "is longer than \(Self.limit) bytes") }
        var words: [Word] = []
        for word in text.split(separator: ".", omittingEmptySubsequences: false) {
            switch word {
            case "": throw Flaw(description: "\"\(text)\" has an empty word")
            case "*": words.append(.one)
            case "#": words.append(.any)
            default:
                guard !word.contains(where: { "*#".contains($0) }) else {
                    throw Flaw(description: "\"\(word)\": * and # stand for whole words only")
                }
                words.append(.literal(String(word)))
            }
        }
        self.words = words
    }

    public var description: String {
        words.map { word in
            switch word {
            case .one: "*"
            case .any: "#"
            case .literal(let text): text
            }
        }.joined(separator: ".")
    }

    /// Takes as few words as it can for each `#`, and one more for the last one where that leads nowhere: no earlier one
    /// has to be looked at again.
    public func matches(_ key: RoutingKey) -> Bool {
        var (place, word) = (0, 0)
        var retry: (place: Int, word: Int)?
        while word < key.words.count {
            if place < words.count, words[place] == .any {
                retry = (place, word)
                place += 1
            } else if place < words.count, takes(place, key.words[word]) {
                place += 1
                word += 1
            } else if let last = retry {
                retry = (last.place, last.word + 1)
                place = last.place + 1
                word = last.word + 1
            } else {
                return false
            }
        }
        return words[place...].allSatisfy { $0 == .any }
    }

    private func takes(_ place: Int, _ word: String) -> Bool {
        switch words[place] {
        case .one: true
        case .any: false
        case .literal(let text): text == word
        }
    }
}
