import Foundation
import HTTPServer
import Logging
import Metrics
import Telemetry

/// Logging and metrics of a process.
package enum Observability {
    /// What `/metrics` exposes.
    package static let metrics: PrometheusMetrics = {
        var configuration = PrometheusMetrics.Configuration()
        configuration.help = MetricHelp.common
        return PrometheusMetrics(configuration)
    }()

    /// Once, before the first logger and the first metric.
    ///
    /// - Parameters:
    ///   - role: what the process calls itself in log lines.
    ///   - shipment: takes the lines that are to be shipped.
    package static func start(_ log: Settings.Log, role: String = "orderflow", shipment: LogShipment? = nil) {
        LoggingSystem.bootstrap(
            { label, provider in
                let own = handler(label, provider, log, role: role)
                guard let shipment else { return own }
                return MultiplexLogHandler([own, shipment.handler(label, provider, role: role)])
            }, metadataProvider: nil)
        ProcessMetrics.register(with: metrics.collectors)
        metrics.collectors.add { scrape in
            scrape.gauge(
                "orderflow_build_info", [("version", OrderflowVersion.current), ("role", role)], value: 1)
        }
        MetricsSystem.bootstrap(metrics)
    }

    /// Writes to stderr, as every logger does.
    package static func handler(
        _ label: String, _ provider: Logger.MetadataProvider?, _ log: Settings.Log, role: String
    ) -> any LogHandler {
        let output = LogOutput.standardError
        switch log.format {
        case .json:
            var handler = JSONLogHandler(label: label, role: role, output: output, metadataProvider: provider)
            handler.logLevel = log.level
            return handler
        case .text:
            var handler = TextLogHandler(
                label: label, output: output,
                isColoured: output.wantsColour(environment: ProcessInfo.processInfo.environment),
                metadataProvider: provider)
            handler.logLevel = log.level
            return handler
        }
    }
}
