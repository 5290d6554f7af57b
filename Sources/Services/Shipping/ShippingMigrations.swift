import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let shipping = ServiceDatabase(
        "shipping", requests: .none,
        migrations: [
            Migration(
                version: 1, name: "shipments",
                sql: """
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    CREATE TABLE shipments (
                        tenant          text NOT NULL,
                        order_id        text NOT NULL,
                        -- Null where the order was cancelled before a shipment could be prepared.
                        shipment_id     text,
                        status          text NOT NULL,
                        reason          text,
                        tracking_number text,
                        address         text,
                        created_at      timestamptz NOT NULL DEFAULT now(),
                        updated_at      timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (tenant, order_id)
                    ) WITH (fillfactor = 80);
                    """),
            Migration(version: 2, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(version: 3, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 4, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(version: 5, name: "content types", sql: MessagingSchema.contentTypes),
            Migration(version: 6, name: "audit log", sql: MessagingSchema.audit),
            // Room on its page for a shipment that is sent off: no index is written for it then.
            Migration(version: 7, name: "room for updates", sql: "ALTER TABLE shipments SET (fillfactor = 50)"),
            Migration(version: 8, name: "express orders", sql: MessagingSchema.express),
            Migration(version: 9, name: "schemas of payloads", sql: MessagingSchema.schemas),
            Migration(version: 10, name: "messages that wait for their time", sql: MessagingSchema.schedule),
            Migration(
                version: 11, name: "no statistics of what nobody looks for",
                sql: """
                    -- Statements find no row by these, and their samples are most of what ANALYZE sorts and logs.
                    ALTER TABLE shipments
                        ALTER COLUMN shipment_id SET STATISTICS 0,
                        ALTER COLUMN tracking_number SET STATISTICS 0,
                        ALTER COLUMN address SET STATISTICS 0;
                    """),
        ])
}
