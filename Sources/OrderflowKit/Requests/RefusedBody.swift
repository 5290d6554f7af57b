import HTTPServer
import JSON
import Orders

extension OrderRequest.Refusal: AnswerableError {
    /// RFC 9457 with an `errors` array of pointer and detail.
    public func problem(titled title: String?) -> HTTPProblem {
        switch self {
        case .malformed(let error):
            HTTPProblem(
                .badRequest, title: "Malformed JSON", detail: "\(error)",
                members: Self.members([OrderRequest.Violation(pointer: error.pointer, detail: error.reason)]))
        case .invalid(let violations):
            HTTPProblem(
                .unprocessableContent, title: title ?? "Invalid request",
                detail: violations.map(\.description).joined(separator: "; "), members: Self.members(violations))
        }
    }

    private static func members(_ violations: [OrderRequest.Violation]) -> [UInt8] {
        var json = JSONWriter()
        json.array { json in
            for violation in violations {
                json.object {
                    $0.field("pointer", violation.pointer)
                    $0.field("detail", violation.detail)
                }
            }
        }
        return Array("\"errors\":".utf8) + json.bytes
    }
}
