import JSON
import OrderflowKit
import Outbound

/// What a process says at `/readyz`.
public struct RoleReadiness: Hashable, Sendable {
    public struct Check: Hashable, Sendable {
        public let name: String
        public let isReady: Bool
        /// Nil when all is well; a check can be ready and have one.
        public let reason: String?
    }

    public let isReady: Bool
    public let checks: [Check]

    /// What isn't as it should be: `database payment: …`.
    public var reasons: [String] { checks.compactMap { check in check.reason.map { "\(check.name): \($0)" } } }

    /// What answered is no role of ours.
    public struct NoReport: Error, Hashable, Sendable, CustomStringConvertible {
        public let status: Int
        public var description: String { "status \(status), and no report" }
    }

    /// Asks over HTTP. Blocks the calling thread; throws `HTTPClientError` when nothing answers, `NoReport` when another
    /// program does.
    public init(asking url: String, by client: HTTPClient) throws {
        let answer = try client.send(
            HTTPClient.Request(url: "\(url)/readyz", headers: [("Accept", "application/json")]))
        guard let report = try? JSONValue(parsing: answer.body), let isReady = report["ready"]?.bool else {
            throw NoReport(status: answer.status)
        }
        self.isReady = isReady
        checks = (report["checks"]?.array ?? []).map { check in
            Check(
                name: check["name"]?.string ?? "", isReady: check["ready"]?.bool ?? false,
                reason: check["reason"]?.string)
        }
    }

    init(_ report: HealthRegistry.Report) {
        isReady = report.isReady
        checks = report.checks.map { Check(name: $0.name, isReady: $0.status.isReady, reason: $0.status.reason) }
    }
}
