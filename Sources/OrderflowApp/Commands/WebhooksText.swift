import JSON
import OrderflowKit
import Terminal
import Webhooks

/// Webhooks for terminals and pipes.
enum WebhooksText {
    static func list(_ endpoints: [Endpoint], asJSON: Bool, withHead: Bool) -> TerminalText {
        guard !asJSON else { return endpoints.map(json).joined() }
        let head = withHead ? [["ID", "STATE", "DUE", "OLDEST", "LAST", "ANSWER", "URL"]] : []
        return TextTable.write(
            head
                + endpoints.map { endpoint in
                    [
                        endpoint.id, state(endpoint), due(endpoint), time(endpoint.oldestPending),
                        time(endpoint.lastAt), answer(endpoint), endpoint.url,
                    ]
                })
    }

    static func page(_ endpoint: Endpoint, asJSON: Bool) -> TerminalText {
        guard !asJSON else { return json(endpoint) }
        return TextTable.write([
            ["id", endpoint.id], ["url", endpoint.url], ["types", endpoint.types.joined(separator: " ")],
            ["state", state(endpoint) + (endpoint.reason.map { ": \($0)" } ?? "")],
            ["due", due(endpoint) + (endpoint.oldestPending.map { ", since \(time($0))" } ?? "")],
            ["last try", time(endpoint.lastAt) + (endpoint.lastAt == nil ? "" : ", \(answer(endpoint))")],
            ["not before", time(endpoint.notBefore)], ["created", time(endpoint.createdAt)],
        ])
    }

    private static func state(_ endpoint: Endpoint) -> String {
        if endpoint.isReplaying { return "\(endpoint.state.rawValue), replaying" }
        return endpoint.state == .active && endpoint.failures > 0 ? "failing" : endpoint.state.rawValue
    }

    private static func due(_ endpoint: Endpoint) -> String {
        endpoint.pending >= Endpoint.pendingLimit ? "\(endpoint.pending)+" : "\(endpoint.pending)"
    }

    private static func answer(_ endpoint: Endpoint) -> String {
        endpoint.lastError ?? endpoint.lastStatus.map(String.init) ?? "–"
    }

    private static func time(_ microseconds: Int64?) -> String {
        microseconds.map { RFC3339.text($0 - $0 % 1_000_000) } ?? "–"
    }

    private static func json(_ endpoint: Endpoint) -> TerminalText {
        var json = JSONWriter()
        json.endpoint(endpoint)
        return TerminalText(json: json.bytes)
    }
}
