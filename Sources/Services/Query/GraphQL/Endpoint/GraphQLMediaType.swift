import HTTPServer
import OrderflowKit

/// What an answer may be written as (GraphQL over HTTP, "Media Types"; GraphQL over SSE, "Distinct connections mode").
enum GraphQLMediaType: String, Sendable, CaseIterable {
    case response = "application/graphql-response+json"
    /// For clients that are older than the other one.
    case json = "application/json"
    case events = "text/event-stream"
    /// The page for people.
    case page = "text/html"

    var contentType: String {
        self == .events ? rawValue : rawValue + "; charset=utf-8"
    }

    /// The one of `offered` that the request would rather have, of equals the first; nil where it takes none of them.
    static func wanted(
        by request: borrowing HTTPRequest, of offered: [GraphQLMediaType]
    ) -> GraphQLMediaType? {
        let ranges = request.headers("Accept").flatMap { HeaderList.elements($0) }.compactMap { Range($0) }
        guard !ranges.isEmpty else { return offered.first }
        var best: (type: GraphQLMediaType, quality: Double)?
        for type in offered {
            let quality = ranges.filter { $0.matches(type) }.max { $0.precision < $1.precision }?.quality ?? 0
            if quality > (best?.quality ?? 0) { best = (type, quality) }
        }
        return best?.type
    }

    /// RFC 9110 §12.5.1.
    private struct Range {
        let type: String
        let quality: Double

        init?(_ text: String) {
            let parts = HeaderList.elements(text, separator: UInt8(ascii: ";")).map { $0.lowercased() }
            guard let type = parts.first else { return nil }
            self.type = type
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            self.quality = quality.isFinite ? min(max(quality, 0), 1) : 0
        }

        var precision: Int { type == "*/*" ? 0 : type.hasSuffix("/*") ? 1 : 2 }

        func matches(_ other: GraphQLMediaType) -> Bool {
            if type == "*/*" || type == other.rawValue { return true }
            // Nobody who takes any application means that it takes pages.
            return type.hasSuffix("/*") && other.rawValue.hasPrefix(type.dropLast())
        }
    }
}
