import HTTPServer
import JSON

/// What an orchestrator and a scraper ask of every daemon:
///
///     GET /livez    200 while the process serves at all
///     GET /readyz   200, or 503 with the reasons; text, or JSON where the client accepts it
///     GET /metrics  Prometheus text
package enum HealthRoutes {
    /// - Parameter metrics: makes the exposition; called on an HTTP loop.
    package static func routes(_ health: HealthRegistry, metrics: @escaping @Sendable () -> [UInt8]) -> [Routes] {
        [
            Routes(needing: .open, .noStore) {
                Get("/livez") { _ in .text(.ok, "ok\n") }
                Get("/readyz") { request in
                    let wantsJSON = request.header("Accept")?.contains("application/json") ?? false
                    return answer(health.report, asJSON: wantsJSON)
                }
            },
            Routes(needing: .operate, .noStore) {
                Get("/metrics") { _ in
                    HTTPResponse(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: metrics())
                }
            },
        ]
    }

    package static func answer(_ report: HealthRegistry.Report, asJSON: Bool) -> HTTPResponse {
        let status: HTTPStatus = report.isReady ? .ok : .serviceUnavailable
        return asJSON ? .json(status, json(report)) : .text(status, text(report))
    }

    /// The verdict, then a line a check.
    package static func text(_ report: HealthRegistry.Report) -> String {
        let lines = report.checks.map { check in
            "\(check.name): \(text(check.status))\n"
        }
        return (report.isReady ? "ready\n" : "not ready\n") + lines.joined()
    }

    private static func text(_ status: HealthStatus) -> String {
        switch status {
        case .ready: "ready"
        case .standBy: status.note ?? ""
        case .degraded(let reason): "degraded: \(reason)"
        case .notReady(let reason): reason
        }
    }

    package static func json(_ report: HealthRegistry.Report) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("ready", report.isReady)
            json.key("checks")
            json.array { json in
                for check in report.checks {
                    json.object { json in
                        json.field("name", check.name)
                        json.field("ready", check.status.isReady)
                        json.field("reason", check.status.reason)
                        if let note = check.status.note { json.field("note", note) }
                    }
                }
            }
        }
        return json.bytes
    }
}
