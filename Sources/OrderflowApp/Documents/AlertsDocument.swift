import OrderflowKit

/// `config/alerts.yml`: the rules of Prometheus, the general ones first, then each service's own.
struct AlertsDocument {
    private let groups: [GeneralAlerts.Group]

    init(_ services: ServiceCatalogue) {
        groups =
            GeneralAlerts.groups(services)
            + services.modules.filter { !$0.alerts.isEmpty }.map {
                GeneralAlerts.Group(name: $0.name, alerts: $0.alerts)
            }
    }

    var text: String {
        ProgramDocument.notice("alerts") + """
            # What a person should look at. page: orders are not taken or stand still. ticket: can wait for the morning.
            groups:

            """
            + groups.map { group in
                "  - name: orderflow-\(group.name)\n    rules:\n"
                    + group.alerts.map { YAMLText.indented(Self.rule($0), by: 6) }.joined()
            }.joined(separator: "\n")
    }

    private static func rule(_ alert: Alert) -> String {
        var text = "- alert: \(alert.name)\n  "
        var rest = YAMLText.entry("expr", alert.expression)
        if let holds = alert.holds { rest += "for: \(holds)\n" }
        rest += "labels: {severity: \(alert.severity.rawValue)}\nannotations:\n"
        rest += YAMLText.indented(YAMLText.entry("summary", alert.summary), by: 2)
        if let description = alert.description {
            rest += YAMLText.indented(YAMLText.entry("description", description), by: 2)
        }
        text += YAMLText.indented(rest, by: 2).dropFirst(2)
        return text
    }
}
