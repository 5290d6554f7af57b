import JSON

/// What the API has said of a batch.
struct ImportAnswer: Hashable, Sendable {
    enum Line: Hashable, Sendable {
        case stored
        /// It will never be taken.
        case refused(Refusal)
        /// Its batch was closed before it came: it may be sent in another one.
        case closed
        /// To be sent again, after so many seconds.
        case passing(String, retryAfter: Int)
    }

    struct Refusal: Hashable, Sendable {
        let status: Int
        let pointer: String?
        let reason: String
    }

    let batchID: String
    /// Of each line that was sent, in their order.
    let lines: [Line]

    /// Why an answer says nothing of the batch as a whole.
    enum Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        /// It is no answer to the lines that were sent, or not all of it.
        case incomplete(String)
        /// The order of a line isn't the one that came before under the key.
        case otherContent(line: Int)

        var description: String {
            switch self {
            case .incomplete(let why): "the answer isn't whole: \(why)"
            case .otherContent(let line): "line \(line) isn't what it was"
            }
        }
    }

    /// - Parameters:
    ///   - body: JSON lines: one a line that was sent, then a summary.
    ///   - count: lines that were sent.
    init(_ body: [UInt8], of count: Int) throws(Flaw) {
        var lines: [Line] = []
        lines.reserveCapacity(count)
        var batchID: String?
        for text in body.split(separator: 0x0A) {
            guard let value = try? JSONValue(parsing: Array(text)) else {
                throw .incomplete("it ends in the middle of a line")
            }
            guard let number = value["line"]?.int64 else {
                // The summary, or why there is none.
                guard let id = value["batchId"]?.string else {
                    throw .incomplete(Self.words(value))
                }
                batchID = id
                break
            }
            guard number == lines.count + 1, number <= count else {
                throw .incomplete("it has line \(number) where \(lines.count + 1) was to come")
            }
            lines.append(try Self.line(value, Int(number)))
        }
        guard let batchID else { throw .incomplete("it ends after line \(lines.count) of \(count)") }
        guard lines.count == count else { throw .incomplete("it has \(lines.count) lines of \(count)") }
        self.batchID = batchID
        self.lines = lines
    }

    private static func line(_ value: JSONValue, _ number: Int) throws(Flaw) -> Line {
        let status = Int(value["status"]?.int64 ?? 0)
        let title = value["title"]?.string
        switch status {
        case 200..<300: return .stored
        case 409 where title == "Batch closed": return .closed
        case 422 where title == "Idempotency-Key reused": throw .otherContent(line: number)
        case 429, 500...,
            _ where value["retryAfter"] != nil:
            return .passing(words(value), retryAfter: Int(value["retryAfter"]?.int64 ?? 1))
        default:
            let error = value["errors"]?[0]
            return .refused(
                Refusal(
                    status: status, pointer: error?["pointer"]?.string,
                    reason: error?["detail"]?.string ?? value["detail"]?.string ?? title ?? "refused"))
        }
    }

    /// A problem in a few words.
    static func words(_ problem: JSONValue) -> String {
        let title = problem["title"]?.string ?? "no reason"
        let status = problem["status"]?.int64.map { "\($0) " } ?? ""
        return status + title + (problem["detail"]?.string.map { ": \($0)" } ?? "")
    }
}
