import Messaging

extension HealthRegistry {
    /// Ready while the group's consumer has its share of the partitions and isn't held up.
    ///
    /// - Parameter needed: false where the daemon can do its main work without.
    public func watch(consumer: ConsumerRunner, name: String, needed: Bool = true) {
        register("consumer \(name)") { HealthStatus(of: consumer.currentStatus, needed: needed) }
    }

    /// Well while the relay publishes, or another process's does. Events wait in the database until then, so nothing is
    /// refused for it.
    public func watch(relay: Relay) {
        register("relay \(relay.name)") {
            let status = relay.currentStatus
            let reason = status.problem ?? status.fallback.map { "it reads by windows and not the log: \($0)" }
            return reason.map { .degraded($0) } ?? .ready
        }
    }

    /// Ready while the event store can be written, as far as the last commit tells.
    public func watch(writer: EventWriter) {
        register("event store") { writer.problem.map { .notReady($0) } ?? .ready }
    }

    /// Ready while the database answers, and takes writes where they are needed.
    ///
    /// - Parameter needed: false where the daemon can do its main work without.
    public func watch(database pulse: DatabasePulse, needed: Bool = true) {
        register("database \(pulse.name)") {
            pulse.problem.map { needed ? .notReady($0) : .degraded($0) } ?? .ready
        }
    }

    /// Well while nobody has left a transaction open that keeps the database from cleaning up.
    public func watch(transactionsBeside pulse: DatabasePulse) {
        register("transactions \(pulse.name)") {
            let found = pulse.longTransactions
            return found.isEmpty ? .ready : .degraded(found.map(\.description).joined(separator: "; "))
        }
    }
}
