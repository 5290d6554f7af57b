import Execution
import Logging
import Telemetry

/// The way of a daemon's log lines to the topic of all of them.
package struct LogShipment: Sendable {
    private let level: Logger.Level
    private let instance: String
    private let role: String
    private let settings: Settings
    private let queue = LogQueue()
    private let shipper = Monitor<LogShipper?>(nil)

    /// Nil where no lines are to be shipped: then nothing is made and nothing runs.
    package init?(_ settings: Settings, role: String) {
        guard let level = settings.log.shipLevel else { return nil }
        self.level = level
        self.settings = settings
        self.role = role
        instance = settings.kafka.instance ?? role
    }

    /// Takes lines from the start; they wait for the shipper.
    package func handler(_ label: String, _ provider: Logger.MetadataProvider?, role: String) -> any LogHandler {
        var handler = JSONLogHandler(
            label: label, role: role, instance: instance, output: LogOutput(queue), metadataProvider: provider)
        handler.logLevel = level
        return handler
    }

    /// Once the loggers are there. Throws for brokers that can't be what they are said to be.
    package func start() throws {
        // What the shipper itself has to say must not come back to it.
        let logger = Logger(label: "logs") { [settings, role] label in
            Observability.handler(label, nil, settings.log, role: role)
        }
        let new = try LogShipper(
            queue, to: settings.topics.names.logs, instance: instance, kafka: settings.kafka.configuration,
            logger: logger)
        shipper.withLock { $0 = new }
        Observability.metrics.collectors.add { [queue] scrape in
            scrape.gauge("orderflow_log_queue_depth", value: queue.depth)
            scrape.counter("orderflow_log_dropped_lines_total", value: queue.dropped)
        }
        new.start()
    }

    /// Ships what waits. Blocks for at most `limit`.
    package func stop(within limit: Duration) { shipper.withLock { $0 }?.stop(within: limit) }
}
