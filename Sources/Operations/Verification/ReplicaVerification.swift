import Logging
import Messaging
import OrderflowKit
import Postgres

/// Holds the services' replicas against the topics that they are copied from, all rows of them.
package struct ReplicaVerification {
    private let settings: Settings
    private let logger: Logger

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Blocks the calling thread for as long as it takes to read the topics. Changes nothing. Throws where a database or
    /// the brokers can't be asked.
    ///
    /// - Returns: how many rows aren't what was said, at most 1 000 of each replica.
    package func run(
        onProgress: (VerificationProgress) -> Void, onBroken: (OrderVerification.Finding) -> Void
    ) throws -> Int {
        var broken = 0
        for (kept, module, store) in settings.services.replicas {
            let stage = VerificationProgress.Stage.replica(kept.name, service: module.name)
            onProgress(VerificationProgress(stage: stage))
            let context = try ServiceContext(lookingAt: module, settings, logger: logger)
            let replica = try kept.make(context)
            let model = replica.readModel(
                keptBy: kept.group(in: module), migrations: store.migrations, context.topics, context.facts)
            let comparison = ModelComparison(
                model, comparing: replica.judgedColumns, kafka: settings.kafka.configuration, logger: logger)
            let texts = try Self.findings(of: comparison, settings.database(of: store), logger) { folded, left in
                onProgress(VerificationProgress(stage: stage, done: folded, total: folded + Int(clamping: left)))
            }
            for text in texts {
                broken += 1
                onBroken(.broken(order: nil, "\(module.name): replica \(kept.name): \(text)"))
            }
        }
        return broken
    }

    private static func findings(
        of comparison: ModelComparison, _ database: PostgresConfiguration, _ logger: Logger,
        onProgress: (Int, Int64) -> Void
    ) throws -> [String] {
        let connection = try Connection(database, logger: logger)
        defer { connection.close() }
        do {
            return try comparison.run(on: connection, onProgress: onProgress).map { "\($0.key) \($0.text)" }
        } catch let error as RebuildError {
            return ["\(error)"]
        }
    }
}
