import Messaging
import Postgres

extension OrderService {
    public static let migrations = [
        Migration(
            version: 1, name: "event store",
            sql: """
                \(EventStoreSchema.events)
                \(MessagingSchema.outbox)
                \(MessagingSchema.relay)
                \(MessagingSchema.consumer)
                """)
    ]
}
