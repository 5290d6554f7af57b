/// Why a request is refused before a handler saw it. The connection closes after the answer when it can't be known
/// where the next request would start.
package struct Refusal: Error, Equatable {
    let status: HTTPStatus
    let detail: StaticString

    init(_ status: HTTPStatus, _ detail: StaticString) {
        self.status = status
        self.detail = detail
    }

    package static func == (left: Refusal, right: Refusal) -> Bool { left.status == right.status }

    var response: HTTPResponse { HTTPProblem(status, detail: detail.description).response }
}
