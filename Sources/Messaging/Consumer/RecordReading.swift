import Kafka

extension InboundMessage {
    /// A record as a consumer that reacts to `types` understands it; nil for one that it skips or can't read.
    public init?(_ record: ConsumedMessage, types: Set<String>) {
        guard let message = ConsumedRecord(record, types: types, ignoring: nil).message else { return nil }
        self = message
    }
}
