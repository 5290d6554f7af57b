import Logging
import OrderflowKit
import Postgres

/// Holds the services' tables against what they themselves say must hold of them (`Evidence`).
package struct EvidenceCheck {
    private let settings: Settings
    private let logger: Logger

    /// Rows of one claim that are looked at; more are counted as one.
    private static let limit = 1_000

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Asks each service's database. Reads only. Throws where a database can't be asked, or doesn't understand.
    ///
    /// - Returns: how many rows break a claim, at most `limit` of each.
    package func run(
        onProgress: (VerificationProgress) -> Void, onBroken: (OrderVerification.Finding) -> Void
    ) throws -> Int {
        var broken = 0
        for module in settings.services.modules {
            guard let store = module.database else { continue }
            onProgress(VerificationProgress(stage: .evidence(service: module.name)))
            let connection = try Connection(settings.database(of: store), logger: logger)
            defer { connection.close() }
            for evidence in module.evidence + Evidence.general {
                // A claim may be about everything that there is.
                let rows = try connection.withStatementTimeout(.seconds(3600)) { connection in
                    try connection.transaction(readOnly: true) { connection in
                        try connection.query(
                            "SELECT a::text, b::text FROM (\(evidence.sql)) AS broken (a, b) LIMIT \(Self.limit)")
                    }
                }
                for row in rows {
                    let (what, detail) = (try row.get(0, as: String?.self), try row.get(1, as: String?.self))
                    onBroken(
                        .broken(
                            order: nil, "\(module.name): \(evidence.claim): \(what ?? "") \(detail ?? "")"))
                }
                broken += rows.count
            }
        }
        return broken
    }
}
