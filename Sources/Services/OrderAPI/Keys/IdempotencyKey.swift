import HTTPServer

/// The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): a structured-field string, or, as most
/// clients send it, the bare value.
struct IdempotencyKey: Sendable {
    let text: String

    static let lengthLimit = 255

    /// - Parameter text: one that has been checked.
    init(text: String) { self.text = text }

    /// Nil without the header.
    init?(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        let values = request.headers("Idempotency-Key")
        guard let value = values.first else { return nil }
        let bare =
            value.utf8.count >= 2 && value.hasPrefix("\"") && value.hasSuffix("\"")
            ? String(value.dropFirst().dropLast()) : value
        guard values.count == 1, Self.isOne(bare) else {
            throw HTTPProblem(
                .badRequest,
                detail: "Idempotency-Key must come once and have 1 to \(Self.lengthLimit) printable ASCII characters")
        }
        text = bare
    }

    /// One that came in a request's content.
    init(checking text: String) throws(HTTPProblem) {
        guard Self.isOne(text) else {
            throw HTTPProblem(
                .badRequest,
                detail: "idempotencyKey must have 1 to \(Self.lengthLimit) printable ASCII characters")
        }
        self.text = text
    }

    private static func isOne(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= lengthLimit
            && text.utf8.allSatisfy {
                $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
    }

    /// What a key is answered that came before with another request.
    static let reused = HTTPProblem(
        .unprocessableContent, title: "Idempotency-Key reused",
        detail: "this Idempotency-Key came before with a different body")

    /// The first answer, given again.
    static func replayed(_ answer: HTTPResponse) -> HTTPResponse {
        var answer = answer
        answer.headers.append(HTTPHeader("Idempotency-Replayed", "true"))
        return answer
    }
}
