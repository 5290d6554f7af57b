import HTTPServer
import Logging

/// Logging and metrics of a process.
enum Observability {
    /// Once, before the first logger.
    static func start(_ log: Settings.Log) {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = log.level
            return handler
        }
    }

    static func metrics() -> [UInt8] { [] }

    static var httpObserver: (any HTTPObserver)? { nil }
}
