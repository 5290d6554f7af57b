import Execution
import HTTPServer
import Logging
import OrderflowKit
import Postgres

/// The installation's secrets in a process of the API: each is read from the database with the first request that needs
/// it, by a connection of the daemon's. Those that answer requests have no business with them. The seal is looked at again
/// once a minute, by one request: its key may be another one now (`orderflow token-keys rotate`).
final class KnownSecrets: Sendable {
    private let database: PostgresConfiguration
    private let logger: Logger

    init(_ database: PostgresConfiguration, sealAge: Duration = .seconds(60), logger: Logger) {
        self.database = database
        self.sealAge = sealAge
        self.logger = logger
    }

    private struct State {
        var secret: InstallationSecret?
        var seal: PaymentTokenSeal?
        /// When it is to be looked at again.
        var nextLook = ContinuousClock.now
    }

    private let sealAge: Duration
    private let state = Monitor(State())

    /// What a request needs, as far as it is known here.
    struct Known: Sendable {
        let secret: InstallationSecret?
        let seal: PaymentTokenSeal?
    }

    /// Nil where something isn't known yet or to be looked at again, or where former ids have to be looked for: then a
    /// connection is needed.
    func alone(key: Bool, token: Bool) -> Known? {
        if !key, !token { return Known(secret: nil, seal: nil) }
        let (secret, seal, nextLook) = state.withLock { ($0.secret, $0.seal, $0.nextLook) }
        if token, seal == nil || nextLook <= .now { return nil }
        if key {
            guard let secret, !secret.looksForFormerIDs(at: WallClock.nowMicroseconds()) else { return nil }
        }
        return Known(secret: secret, seal: seal)
    }

    /// Blocks where it has to be read.
    func secret() throws -> InstallationSecret {
        if let known = state.withLock({ $0.secret }) { return known }
        let read = try reading { try InstallationSecret.load(on: $0) }
        state.withLock { $0.secret = read }
        return read
    }

    /// Blocks where it has to be read.
    func seal() throws -> PaymentTokenSeal {
        let now = ContinuousClock.now
        let (known, isFresh) = state.withLock { state in
            let isFresh = state.nextLook > now
            // This request looks; others go on with what is known.
            if state.seal != nil, !isFresh { state.nextLook = now + sealAge }
            return (state.seal, isFresh)
        }
        if let known, isFresh { return known }
        let found: PaymentTokenSeal?
        do {
            found = try reading { try PaymentTokenSeal.load(on: $0) }
        } catch {
            guard let known else { throw error }
            logger.warning("token_seal_not_looked_at", metadata: ["error": "\(error)"])
            return known
        }
        guard let read = found else {
            // No token is stored unsealed, and none is dropped.
            throw HTTPProblem(
                .serviceUnavailable, title: "No key for payment tokens",
                detail: "payment tokens can't be taken before `orderflow migrate` has made a key to seal them with",
                headers: [Unavailable.retryAfter])
        }
        state.withLock {
            $0.seal = read
            $0.nextLook = now + sealAge
        }
        return read
    }

    private func reading<Value>(_ body: (Connection) throws -> Value) throws -> Value {
        let connection = try Connection(database, logger: logger)
        defer { connection.close() }
        return try body(connection)
    }
}
