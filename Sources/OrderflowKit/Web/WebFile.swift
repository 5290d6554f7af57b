import CWebFiles
import HTTPServer

/// A file that is part of the program (`Sources/CWebFiles/files`), as it is served.
package struct WebFile: Sendable {
    package let contentType: String
    package let body: [UInt8]
    /// Of the content, so that a browser asks again and gets the bytes only after an update.
    package let entityTag: String

    /// A name that there is no file of is a mistake in the program, and traps.
    package init(_ name: String, contentType: String) {
        let file = orderflow_web_file(name)
        precondition(file.bytes != nil, "there is no web file \(name)")
        self.init(
            content: Array(UnsafeBufferPointer(start: file.bytes, count: file.count)), contentType: contentType)
    }

    /// One that the program makes itself.
    package init(content: [UInt8], contentType: String) {
        self.contentType = contentType
        body = content
        entityTag = "\"\(RequestDigest.of(body))\""
    }

    /// 200, or 304 to who has it already.
    package func answer(_ request: borrowing HTTPRequest) -> HTTPResponse {
        let headers = [HTTPHeader("ETag", entityTag), HTTPHeader("Cache-Control", "no-cache"), Self.noSniffing]
        let known = EntityTagList.opaqueTags(request.headers("If-None-Match"))
        if known.contains(where: { $0 == "*" || $0 == entityTag.dropFirst().dropLast() }) {
            return HTTPResponse(.notModified, headers: headers)
        }
        return HTTPResponse(.ok, contentType: contentType, headers: headers, body: body)
    }

    /// What we call a picture or a script is never taken for anything else (Fetch §3.6).
    package static let noSniffing = HTTPHeader("X-Content-Type-Options", "nosniff")
}
