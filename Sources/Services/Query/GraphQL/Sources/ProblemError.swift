import GraphQL
import HTTPServer
import JSON
import OrderflowKit
import Postgres

/// A problem of the other routes as an error of a field: what is wrong is told in the same words.
struct ProblemError: PresentableError, Sendable {
    let message: String
    let extensions: JSONObject

    init(_ problem: HTTPProblem) {
        let members = problem.members.isEmpty ? nil : try? JSONValue(parsing: [0x7B] + problem.members + [0x7D])
        self.init(status: problem.status.rawValue, title: problem.title, detail: problem.detail, members: members)
    }

    /// - Parameters:
    ///   - status: of an answer that is none of success.
    ///   - document: its `application/problem+json`; nil where it has none.
    init(status: Int, document: JSONValue?) {
        let title = HTTPStatus(rawValue: (400...599).contains(status) ? status : 500).reason.description
        self.init(
            status: status, title: document?["title"]?.string ?? title, detail: document?["detail"]?.string,
            members: document)
    }

    private init(status: Int, title: String, detail: String?, members: JSONValue?) {
        message = detail ?? title
        var extensions: JSONObject = [
            "code": .string(Self.code(of: status)), "status": .number(JSONNumber(Int64(status))),
            "title": .string(title),
        ]
        if let errors = members?["errors"] {
            extensions["errors"] = errors
            if errors.array?.count == 1 { extensions["pointer"] = errors[0]?["pointer"] }
        }
        self.extensions = extensions
    }

    /// What clients tell errors by.
    static func code(of status: Int) -> String {
        switch status {
        case 400: "BAD_REQUEST"
        case 401: "UNAUTHENTICATED"
        case 403: "FORBIDDEN"
        case 404: "NOT_FOUND"
        case 409: "CONFLICT"
        case 412: "PRECONDITION_FAILED"
        case 413: "CONTENT_TOO_LARGE"
        case 422: "UNPROCESSABLE_CONTENT"
        case 429: "TOO_MANY_REQUESTS"
        case 503: "UNAVAILABLE"
        case 504: "TIMEOUT"
        default: status < 500 ? "BAD_REQUEST" : "INTERNAL"
        }
    }

    /// What a caller may be told of an error; nil for one that is nobody's business.
    static func of(_ error: any Error) -> ProblemError? {
        switch error {
        case let error as ProblemError: error
        case let problem as HTTPProblem: ProblemError(problem)
        case let error as PostgresError: error.isPassing ? ProblemError(Unavailable.problem(error)) : nil
        case let error as any AnswerableError: ProblemError(error.problem(titled: nil))
        default: nil
        }
    }
}
