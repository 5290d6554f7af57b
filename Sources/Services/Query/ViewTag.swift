/// Which state of an order's view a representation shows: the order's stream version, and how many facts of all
/// services are in it. As text `3.7`; in quotes it is the entity tag, bare it is the id of a streamed event.
struct ViewTag: Hashable, Sendable, CustomStringConvertible {
    var version: Int
    var revision: Int

    static let zero = ViewTag(version: 0, revision: 0)

    init(version: Int, revision: Int) {
        self.version = version
        self.revision = revision
    }

    /// Reads `3.7`, or `3` as the command side's tags are, which any revision satisfies.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? Int32(part).map { Int($0) } : nil
        }
        guard (1...2).contains(parts.count), numbers.count == parts.count else { return nil }
        self.init(version: numbers[0], revision: numbers.count == 2 ? numbers[1] : 0)
    }

    var description: String { "\(version).\(revision)" }
    var entityTag: String { "\"\(self)\"" }

    /// Whether everything that `other` shows is shown.
    func reaches(_ other: ViewTag) -> Bool { version >= other.version && revision >= other.revision }
}
