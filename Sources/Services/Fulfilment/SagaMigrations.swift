import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let saga = ServiceDatabase(
        "saga", requests: .reading,
        migrations: [
            Migration(
                version: 1, name: "sagas",
                sql: """
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    \(SagaSchema.tables)
                    """),
            Migration(version: 2, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(version: 3, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 4, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(version: 5, name: "content types", sql: MessagingSchema.contentTypes),
            Migration(version: 6, name: "definitions of sagas", sql: SagaSchema.definitions),
            Migration(version: 7, name: "audit log", sql: MessagingSchema.audit),
            Migration(version: 8, name: "sagas in one row", sql: SagaSchema.rows),
            Migration(version: 9, name: "express orders", sql: MessagingSchema.express),
            Migration(version: 10, name: "schemas of payloads", sql: MessagingSchema.schemas),
            Migration(version: 11, name: "messages that wait for their time", sql: MessagingSchema.schedule),
            Migration(
                version: 12, name: "no statistics of what nobody looks for",
                sql: """
                    -- Statements find no row by these, and their samples are most of what ANALYZE sorts and logs.
                    ALTER TABLE saga_instances
                        ALTER COLUMN correlation_id SET STATISTICS 0,
                        ALTER COLUMN traceparent SET STATISTICS 0,
                        ALTER COLUMN log SET STATISTICS 0;
                    """),
        ])
}
