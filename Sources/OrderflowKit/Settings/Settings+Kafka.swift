import Kafka

extension Settings.Kafka {
    /// For librdkafka, in every client.
    package var configuration: KafkaConfiguration {
        KafkaConfiguration(
            bootstrapServers: brokers, clientID: clientID, instanceID: instance, isDevBroker: devBroker == .on,
            properties: properties)
    }
}
