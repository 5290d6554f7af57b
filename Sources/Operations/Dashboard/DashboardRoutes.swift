import HTTPServer
import Logging
import OrderflowKit

/// The dashboard over HTTP:
///
///     GET /                    the page, which shows nothing by itself and lets people sign in
///     GET /dashboard/{file}    its script, style and icon
///     GET /dashboard/stream    the shop's state, again and again, as server-sent events
///     GET /dashboard/state     the last one
///     …   /dashboard/session   signing in and out (`SessionRoutes`)
public struct DashboardRoutes: Sendable {
    private let dashboard: Dashboard
    private let page = WebFile("index.html", contentType: "text/html; charset=utf-8")
    private let files: [String: WebFile]
    private let session: SessionRoutes

    package init(_ dashboard: Dashboard, sessions: DashboardSessions, logger: Logger) {
        self.dashboard = dashboard
        session = SessionRoutes(sessions: sessions, logger: logger)
        let script = "text/javascript; charset=utf-8"
        let types = [
            "app.js": script, "charts.js": script, "dom.js": script, "order.js": script, "orders.js": script,
            "overview.js": script, "signin.js": script, "stream.js": script, "app.css": "text/css; charset=utf-8",
            "icon.svg": "image/svg+xml",
        ]
        files = Dictionary(uniqueKeysWithValues: types.map { ($0, WebFile($0, contentType: $1)) })
    }

    public var routes: [Routes] {
        // The same for everybody who has the program.
        let program = Routes(needing: .open, .headers(WebPage.headers)) {
            Get("/") { request in page.answer(request) }
            Get("/dashboard/:file") { request in
                let name = request.pathParameter("file")
                guard let file = files[name] else { throw HTTPProblem(.notFound, detail: "there is no file \(name)") }
                return file.answer(request)
            }
        }
        let shop = Routes(needing: .operate, .headers(WebPage.headers)) {
            Get("/dashboard/stream") { request, context, responder in
                try dashboard.watch(from: request.remoteAddress.origin, as: context.principal) { responder.stream() }
            }
            Get("/dashboard/state", .noStore) { _ in
                guard let latest = dashboard.latest else { throw Unavailable.overloaded }
                return .json(.ok, latest)
            }
        }
        return [program, shop] + session.routes(.headers(WebPage.headers))
    }
}
