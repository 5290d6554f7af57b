import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let orders = ServiceDatabase(
        "orders", appendOnly: ["events"], requests: .writingOnly(["events", "snapshots", "stream_secrets"]),
        migrations: [
            Migration(
                version: 1, name: "event store",
                sql: """
                    \(EventStoreSchema.events)
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    """),
            Migration(
                version: 2, name: "outcomes of choreography",
                sql: """
                    CREATE TABLE order_outcomes (
                        tenant   text NOT NULL,
                        order_id text NOT NULL,
                        status   text NOT NULL,
                        stock    bool NOT NULL,
                        payment  bool NOT NULL,
                        shipment bool NOT NULL,
                        PRIMARY KEY (tenant, order_id)
                    ) WITH (fillfactor = 80);
                    """),
            Migration(version: 3, name: "snapshots", sql: EventStoreSchema.snapshots),
            Migration(version: 4, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(
                version: 5, name: "outcomes before their orders",
                sql: "ALTER TABLE order_outcomes ADD COLUMN reason text;"),
            Migration(version: 6, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 7, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(
                version: 8, name: "content types",
                sql: EventStoreSchema.contentTypes + "\n" + MessagingSchema.contentTypes),
            Migration(
                version: 9, name: "outcomes of any steps",
                sql: """
                    -- Names of steps, in place of a column each.
                    ALTER TABLE order_outcomes ADD COLUMN succeeded json NOT NULL DEFAULT '[]';
                    ALTER TABLE order_outcomes ALTER COLUMN stock SET DEFAULT false,
                        ALTER COLUMN payment SET DEFAULT false, ALTER COLUMN shipment SET DEFAULT false;
                    """),
            Migration(version: 10, name: "audit log", sql: MessagingSchema.audit),
            Migration(version: 11, name: "secret of the installation", sql: InstallationSecret.schema),
            Migration(
                version: 12, name: "payment tokens, sealed",
                sql: EventStoreSchema.streamSecrets + "\n" + PaymentTokenSeal.schema),
            Migration(version: 13, name: "batches of orders", sql: BatchSchema.batches),
            Migration(
                version: 14, name: "express orders", sql: EventStoreSchema.express + "\n" + MessagingSchema.express),
            Migration(version: 15, name: "schemas of payloads", sql: MessagingSchema.schemas),
        ])
}
