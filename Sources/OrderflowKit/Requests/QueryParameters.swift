import HTTPServer
import JSON

/// How routes read what stands in a query: each kind of value in one way, wrong ones answered 400.
extension HTTPRequest {
    /// A time (RFC 3339) in microseconds since the Unix epoch; nil without one.
    ///
    /// A `+` in a query is a blank, as forms encode it, and so an offset like `+02:00` that nobody escaped arrives with a
    /// blank in front, where no time has any: it is taken for what was meant.
    public func time(_ name: String) throws(HTTPProblem) -> Int64? {
        guard var text = try query(name) else { return nil }
        if let sign = text.index(text.endIndex, offsetBy: -6, limitedBy: text.startIndex), text[sign] == " " {
            text.replaceSubrange(sign...sign, with: "+")
        }
        guard let time = RFC3339.microseconds(text) else {
            throw HTTPProblem(.badRequest, detail: "\(name) must be an RFC 3339 time such as 2026-01-31T00:00:00Z")
        }
        return time
    }

    /// How many elements a page may have.
    public func limit(_ range: ClosedRange<Int>, default usual: Int) throws(HTTPProblem) -> Int {
        let limit = try query("limit", as: Int.self) ?? usual
        guard range.contains(limit) else {
            throw HTTPProblem(
                .badRequest, detail: "limit must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return limit
    }

    /// Where a page begins; nil for the first.
    public func cursor<Cursor: PageCursor>(_ type: Cursor.Type) throws(HTTPProblem) -> Cursor? {
        guard let text = try query("cursor") else { return nil }
        guard let cursor = Cursor(encoded: text) else {
            throw HTTPProblem(.badRequest, detail: "cursor is none that this API gave out")
        }
        return cursor
    }

    /// One of a closed set of words; nil without one.
    public func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String, of type: Value.Type
    ) throws(HTTPProblem) -> Value? {
        guard let text = try query(name) else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw HTTPProblem(.badRequest, detail: "\(name) must be one of \(known)")
        }
        return value
    }
}
