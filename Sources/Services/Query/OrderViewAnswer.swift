import HTTPServer
import OrderflowKit

/// The answers to `GET /orders/{id}`.
enum OrderViewAnswer {
    static func found(_ view: OrderViewStore.View, _ condition: ReadCondition) -> HTTPResponse {
        HTTPResponse.json(.ok, view.document, headers: headers(view.tag, condition))
    }

    /// A view in a state that the reader didn't ask for, or none.
    static func unmet(_ condition: ReadCondition, _ tag: ViewTag?, _ key: OrderKey) -> HTTPResponse {
        guard let tag else { return missing(key).response }
        if tag.reaches(condition.least) { return HTTPResponse(.notModified, headers: headers(tag, condition)) }
        return HTTPProblem(
            .preconditionFailed, title: "Not there yet",
            detail: "the read model has not reached version \(condition.least.version) of order \(key.orderID)",
            headers: [Unavailable.retryAfter] + preferenceApplied(condition)
        ).response
    }

    static func missing(_ key: OrderKey) -> HTTPProblem {
        HTTPProblem(.notFound, detail: "there is no order \(key.orderID)")
    }

    private static func headers(_ tag: ViewTag, _ condition: ReadCondition) -> [HTTPHeader] {
        [HTTPHeader("ETag", tag.entityTag)] + preferenceApplied(condition)
    }

    private static func preferenceApplied(_ condition: ReadCondition) -> [HTTPHeader] {
        condition.wait > 0 ? [HTTPHeader("Preference-Applied", "wait=\(condition.wait)")] : []
    }
}
