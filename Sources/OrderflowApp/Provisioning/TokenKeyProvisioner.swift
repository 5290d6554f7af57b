import Execution
import Logging
import Messaging
import OrderAPI
import OrderflowKit
import Payment
import Postgres

/// Gives payment the keys that payment tokens are sealed for, and the order service the public half of the newest.
struct TokenKeyProvisioner: Sendable {
    let settings: Settings
    let logger: Logger

    /// Whether the installation has both services.
    var isNeeded: Bool {
        let databases = settings.services.databases
        return databases.contains(.orders) && databases.contains(.payment)
    }

    /// After the schemas of both. Safe to run again.
    func run() throws {
        guard isNeeded else { return }
        let payment = try connect(.payment)
        defer { payment.close() }
        try TokenKeys.prepare(on: payment, announce: announce)
    }

    /// Makes a new one, and returns its name.
    func rotate(by actor: AuditActor, note: String?) throws -> String {
        let payment = try connect(.payment)
        defer { payment.close() }
        return TokenKeys.name(of: try TokenKeys.rotate(by: actor, note: note, on: payment, announce: announce))
    }

    /// The newest first.
    func list() throws -> [TokenKeys.Listed] {
        let payment = try connect(.payment)
        defer { payment.close() }
        return try list(payment).keys
    }

    /// Drops those that no order needs any more, and returns them.
    func drop(by actor: AuditActor, note: String?) throws -> [TokenKeys.Listed] {
        let payment = try connect(.payment)
        defer { payment.close() }
        let (keys, sealing) = try list(payment)
        guard sealing == keys.first?.publicKey else { throw OutOfStep() }
        return try TokenKeys.drop(keys, by: actor, note: note, at: WallClock.nowMicroseconds(), on: payment)
    }

    private struct OutOfStep: Error, CustomStringConvertible {
        let description =
            "the API seals with another key than payment's newest, as after a restored backup: run `orderflow migrate`"
    }

    private func list(_ payment: Connection) throws -> (keys: [TokenKeys.Listed], sealing: [UInt8]?) {
        let orders = try connect(.orders)
        defer { orders.close() }
        let (counts, sealing) = try PaymentTokenSeal.uses(on: orders)
        return (try TokenKeys.list(counts, on: payment), sealing)
    }

    private func announce(_ publicKey: [UInt8]) throws {
        let orders = try connect(.orders)
        defer { orders.close() }
        try PaymentTokenSeal.take(publicKey, on: orders)
    }

    private func connect(_ database: ServiceDatabase) throws -> Connection {
        var configuration = try settings.database(of: database)
        configuration.applicationName = "orderflow token keys"
        return try Connection(configuration, logger: logger)
    }
}
