import HTTPServer
import OrderflowKit

/// What a reader asks of an order's view besides that it be there, and how long it would wait for it.
///
/// - `minVersion=3`, or `If-Match` with the tag that a command was answered with: at least this state
///   (read-your-writes). Unlike RFC 9110 has it for changes, later states satisfy `If-Match` here too.
/// - `If-None-Match`: another state than the one that the reader has.
/// - `Prefer: wait=5` (RFC 7240 §4.3): up to so many seconds, at most `longestWait`.
package struct ReadCondition: Sendable {
    let least: ViewTag
    /// Seconds; 0 doesn't wait.
    let wait: Int
    private let noneMatch: [String]

    /// Seconds. Proxies and clients give up after 30 or 60.
    package static let longestWait = 10

    init(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        var least = ViewTag.zero
        let match = request.headers("If-Match")
        if !match.isEmpty {
            let tags = EntityTagList.opaqueTags(match)
            let known = tags.contains("*") ? [.zero] : tags.compactMap { ViewTag($0) }
            guard let lowest = known.min(by: { ($0.version, $0.revision) < ($1.version, $1.revision) }) else {
                throw HTTPProblem(.preconditionFailed, detail: "If-Match has no tag that this API gave out")
            }
            least = lowest
        }
        if let version = try request.query("minVersion", as: Int.self) {
            guard (0...Int(Int32.max)).contains(version) else {
                throw HTTPProblem(.badRequest, detail: "minVersion must be from 0 to \(Int32.max)")
            }
            least.version = max(least.version, version)
        }
        self.least = least
        wait = min(Preferences.wait(request.headers("Prefer")) ?? 0, Self.longestWait)
        noneMatch = EntityTagList.opaqueTags(request.headers("If-None-Match"))
    }

    /// Whether a reader is content with the state `tag`.
    func isMet(by tag: ViewTag) -> Bool { tag.reaches(least) && !isKnown(tag) }

    /// RFC 9110 §13.1.2: any of the listed tags, or `*`.
    func isKnown(_ tag: ViewTag) -> Bool {
        if noneMatch.isEmpty { return false }
        let text = tag.description
        return noneMatch.contains { $0 == "*" || $0 == text }
    }
}

/// The `Prefer` header (RFC 7240). What we don't know, or can't read, is ignored as it has to be.
package enum Preferences {
    /// The seconds of the first `wait`; nil without one.
    package static func wait(_ headers: [String]) -> Int? {
        for preference in headers.flatMap({ HeaderList.elements($0) }) {
            let words = HeaderList.elements(preference, separator: UInt8(ascii: ";"))
            let pair = words.first?.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) ?? []
            guard !preference.hasPrefix(";"), pair.count == 2, bare(pair[0]).lowercased() == "wait" else { continue }
            let digits = bare(pair[1])
            guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
            return Int(digits.prefix(9))
        }
        return nil
    }

    private static func bare(_ text: Substring) -> String {
        String(text.filter { $0 != " " && $0 != "\t" && $0 != "\"" })
    }
}
