/// An error with its answer: `application/problem+json` (RFC 9457). Throw it from a handler, or send its `response`.
public struct HTTPProblem: Error, Sendable, CustomStringConvertible {
    public var status: HTTPStatus
    /// A URI that names the kind of problem; `about:blank` says that the status tells all.
    public var type: String
    public var title: String
    /// What went wrong with this very request, for the person who reads it.
    public var detail: String?
    /// Further members, as bytes of JSON without the braces: `"errors":[…],"limit":5`. Not checked.
    public var members: [UInt8]
    public var headers: [HTTPHeader]

    public init(
        _ status: HTTPStatus, type: String = "about:blank", title: String? = nil, detail: String? = nil,
        members: [UInt8] = [], headers: [HTTPHeader] = []
    ) {
        self.status = status
        self.type = type
        self.title = title ?? status.reason.description
        self.detail = detail
        self.members = members
        self.headers = headers
    }

    public var description: String { "\(status.rawValue) \(title)" + (detail.map { ": \($0)" } ?? "") }

    public var response: HTTPResponse {
        var body = [UInt8]()
        body.reserveCapacity(160 + members.count)
        body.append(contentsOf: "{\"type\":".utf8)
        Self.appendJSON(type, to: &body)
        body.append(contentsOf: ",\"title\":".utf8)
        Self.appendJSON(title, to: &body)
        body.append(contentsOf: ",\"status\":\(status.rawValue)".utf8)
        if let detail {
            body.append(contentsOf: ",\"detail\":".utf8)
            Self.appendJSON(detail, to: &body)
        }
        if !members.isEmpty {
            body.append(UInt8(ascii: ","))
            body.append(contentsOf: members)
        }
        body.append(UInt8(ascii: "}"))
        return HTTPResponse(status, contentType: "application/problem+json", headers: headers, body: body)
    }

    private static func appendJSON(_ string: String, to body: inout [UInt8]) {
        body.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                body.append(UInt8(ascii: "\\"))
                body.append(byte)
            case 0..<0x20:
                body.append(contentsOf: "\\u00".utf8)
                body.append(ByteSet.hexDigit(byte >> 4))
                body.append(ByteSet.hexDigit(byte & 15))
            default:
                body.append(byte)
            }
        }
        body.append(UInt8(ascii: "\""))
    }
}
