/// One header field of a response.
public struct HTTPHeader: Sendable, Hashable {
    public let name: String
    public let value: String

    /// `name` must be a token. Control characters in `value` are sent as spaces, so that a value taken from input
    /// can't start a header of its own (RFC 9110 §5.5).
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// An answer with its whole content. The server adds `Date`, `Content-Length` and `Connection`, and ignores these
/// and `Transfer-Encoding` among `headers`: framing is its own business.
public struct HTTPResponse: Sendable {
    public var status: HTTPStatus
    /// Sent as `Content-Type` when there is content.
    public var contentType: String?
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    public init(
        _ status: HTTPStatus, contentType: String? = nil, headers: [HTTPHeader] = [], body: [UInt8] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// Content of type `application/json`.
    public static func json(_ status: HTTPStatus, _ body: [UInt8], headers: [HTTPHeader] = []) -> HTTPResponse {
        HTTPResponse(status, contentType: "application/json", headers: headers, body: body)
    }

    /// Content of type `text/plain; charset=utf-8`.
    public static func text(_ status: HTTPStatus, _ text: String, headers: [HTTPHeader] = []) -> HTTPResponse {
        HTTPResponse(status, contentType: "text/plain; charset=utf-8", headers: headers, body: Array(text.utf8))
    }
}
