import Telemetry

extension Collectors {
    /// What readiness says, for alerts that name the part.
    public func watch(_ health: HealthRegistry) {
        add { scrape in
            let report = health.report
            scrape.gauge("orderflow_ready", value: report.isReady ? 1 : 0)
            for check in report.checks {
                scrape.gauge(
                    "orderflow_health_check", [("check", check.name)], value: check.status.reason == nil ? 1 : 0)
            }
        }
    }
}
