import HTTPServer
import OrderflowKit

/// A page for people who write queries: the schema, a box to try them, and what is answered. Asks nobody but the process
/// that it comes from.
struct GraphQLPage: Sendable {
    private let page = WebFile("graphql.html", contentType: "text/html; charset=utf-8")
    let files: [String: WebFile]

    /// - Parameter showsSchema: whether clients may know the schema.
    init(showsSchema: Bool) {
        var files = [
            "page.js": WebFile("graphql.js", contentType: "text/javascript; charset=utf-8"),
            "page.css": WebFile("graphql.css", contentType: "text/css; charset=utf-8"),
        ]
        if showsSchema {
            files["schema.graphql"] = WebFile(
                content: Array(ShopSchema.text.utf8), contentType: "application/graphql; charset=utf-8")
        }
        self.files = files
    }

    func answer(_ request: borrowing HTTPRequest) -> HTTPResponse {
        var answer = page.answer(request)
        answer.headers += WebPage.headers.filter { header in !answer.headers.contains { $0.name == header.name } }
        return answer
    }
}
