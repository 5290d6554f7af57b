import HTTPServer

/// Whether a request comes from a page of ours: a cookie goes along with what any page of the browser asks for, and
/// says nothing of who wrote that page.
enum OwnPage {
    /// Who isn't a browser sends neither field, and has no cookie that it didn't mean to send.
    static func hasSent(_ request: borrowing HTTPRequest) -> Bool {
        // Browsers of since 2023 say it themselves, to whom they trust: TLS, or this machine (Fetch Metadata §2.1).
        if let site = request.header("Sec-Fetch-Site") {
            // "none": typed, or a bookmark.
            return site == "same-origin" || site == "none" && [.get, .head].contains(request.method)
        }
        guard let origin = request.header("Origin") else { return true }
        guard let host = request.header("Host"), let scheme = origin.firstRange(of: "://") else { return false }
        return origin[scheme.upperBound...].lowercased() == host.lowercased()
    }

    /// Refuses what another page has sent.
    static let only = Middleware.check { request throws(HTTPProblem) in
        guard hasSent(request) else {
            throw HTTPProblem(
                .forbidden, title: "From another page",
                detail: "who signs in or out does so on the dashboard's own page")
        }
    }

    /// Whether the browser has come over TLS, which ends at a proxy in front of us: its page's own address says so, and
    /// no proxy has to be believed.
    static func isSecure(_ request: borrowing HTTPRequest) -> Bool {
        request.header("Origin")?.lowercased().hasPrefix("https://") == true
    }
}
