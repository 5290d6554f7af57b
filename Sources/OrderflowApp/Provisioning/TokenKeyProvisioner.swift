import Logging
import OrderAPI
import OrderflowKit
import Payment
import Postgres

/// Gives payment the key that payment tokens are sealed for, and the order service its public half.
struct TokenKeyProvisioner {
    let settings: Settings
    let logger: Logger

    /// After the schemas of both. Safe to run again.
    func run() throws {
        let databases = settings.services.databases
        guard databases.contains(.orders), databases.contains(.payment) else { return }
        let payment = try connect(.payment)
        defer { payment.close() }
        try TokenKeys.prepare(on: payment) { publicKey in
            let orders = try connect(.orders)
            defer { orders.close() }
            try PaymentTokenSeal.take(publicKey, on: orders)
        }
    }

    private func connect(_ database: ServiceDatabase) throws -> Connection {
        var configuration = try settings.database(of: database)
        configuration.applicationName = "orderflow migrate"
        return try Connection(configuration, logger: logger)
    }
}
