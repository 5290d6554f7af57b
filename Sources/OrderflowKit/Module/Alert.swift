/// A rule of Prometheus: what a person should look at.
public struct Alert: ServiceModulePart, Sendable {
    public enum Severity: String, Sendable {
        /// Orders are not taken or stand still.
        case page
        /// Can wait for the morning.
        case ticket
    }

    public let name: String
    /// PromQL.
    public let expression: String
    /// How long it has to hold, as `5m`; nil fires at once.
    public let holds: String?
    public let severity: Severity
    public let summary: String
    public let description: String?

    public init(
        _ name: String, _ expression: String, for holds: String? = nil, _ severity: Severity, _ summary: String,
        _ description: String? = nil
    ) {
        self.name = name
        self.expression = expression
        self.holds = holds
        self.severity = severity
        self.summary = summary
        self.description = description
    }

    public func join(_ module: inout ServiceModule) { module.alerts.append(self) }
}
