import HTTPServer
import JSON
import OrderflowKit
import Orders
import Postgres

/// Why a line of a batch became no order.
struct BatchRefusal: Error, Sendable {
    let status: HTTPStatus
    let title: String
    var detail: String?
    var violations: [OrderRequest.Violation] = []
    /// Seconds after which the same request may succeed with this line; nil where it can't.
    var retryAfter: Int?

    /// The line may be taken another time, by the same request sent again.
    var isPassing: Bool { retryAfter != nil }

    private init(_ status: HTTPStatus, _ title: String, _ detail: String, retryAfter: Int? = nil) {
        self.status = status
        self.title = title
        self.detail = detail
        self.retryAfter = retryAfter
    }

    static let tooLong = BatchRefusal(
        .contentTooLarge, "Content Too Large", "an order has at most \(OrderRequest.Limit.bytes) bytes")
    static let reused = BatchRefusal(
        .unprocessableContent, IdempotencyKey.reused.title,
        "this line came before under this Idempotency-Key with a different order")
    static let closed = BatchRefusal(
        .conflict, "Batch closed", "the batch has been closed, and this line was not in it")
    static let noTokenKey = BatchRefusal(
        .serviceUnavailable, "No key for payment tokens",
        "payment tokens can't be taken before `orderflow migrate` has made a key to seal them with", retryAfter: 1)
    static let notTaken = BatchRefusal(
        .serviceUnavailable, "Not taken", "the request ended before this line was stored", retryAfter: 1)

    static func quota(nanoseconds: Int64) -> BatchRefusal {
        BatchRefusal(
            .tooManyRequests, "Quota exceeded", "more orders than the caller or all callers of the tenant may send",
            retryAfter: Int((nanoseconds + 999_999_999) / 1_000_000_000))
    }

    static func failed(_ error: PostgresError) -> BatchRefusal {
        let problem = Unavailable.problem(error)
        return BatchRefusal(problem.status, problem.title, problem.detail ?? "the line wasn't stored", retryAfter: 1)
    }

    /// What reading a line has thrown.
    init(_ error: any Error) {
        switch error {
        case let refusal as BatchRefusal: self = refusal
        case OrderRequest.Refusal.malformed(let error):
            self.init(.badRequest, "Malformed JSON", error.reason)
            violations = [OrderRequest.Violation(pointer: error.pointer, detail: error.reason)]
        case OrderRequest.Refusal.invalid(let all):
            self.init(.unprocessableContent, "Invalid order", all.map(\.description).joined(separator: "; "))
            violations = all
        case let problem as HTTPProblem: self.init(problem.status, problem.title, problem.detail ?? problem.title)
        default: self.init(.internalServerError, "Internal Server Error", "the line could not be read", retryAfter: 1)
        }
    }
}
