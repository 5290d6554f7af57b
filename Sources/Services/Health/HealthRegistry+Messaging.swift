import Messaging

extension HealthRegistry {
    /// Ready while the group's consumer isn't held up. Having no partition is fine: there may be more members than
    /// partitions.
    public func watch(consumer: ConsumerRunner, name: String) {
        register("consumer \(name)") { consumer.currentStatus.problem.map { .notReady($0) } ?? .ready }
    }

    /// Ready while the relay publishes, or another process's does.
    public func watch(relay: Relay) {
        register("relay \(relay.name)") { relay.currentStatus.problem.map { .notReady($0) } ?? .ready }
    }
}
