import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let inventory = ServiceDatabase(
        "inventory", requests: .writingOnly(["stock"]),
        migrations: [
            Migration(
                version: 1, name: "stock",
                sql: """
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    -- Articles whose pieces are counted. on_hand = available + reserved, by construction.
                    CREATE TABLE stock (
                        tenant     text   NOT NULL,
                        sku        text   NOT NULL,
                        on_hand    bigint NOT NULL CHECK (on_hand >= 0),
                        reserved   bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
                        available  bigint GENERATED ALWAYS AS (on_hand - reserved) STORED,
                        -- Left with confirmed orders, ever.
                        consumed   bigint NOT NULL DEFAULT 0 CHECK (consumed >= 0),
                        updated_at timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (tenant, sku),
                        CONSTRAINT stock_not_oversold CHECK (reserved <= on_hand)
                    ) WITH (fillfactor = 50);
                    CREATE TABLE reservations (
                        tenant     text NOT NULL,
                        order_id   text NOT NULL,
                        status     text NOT NULL CHECK (status IN ('reserved', 'rejected', 'released', 'consumed')),
                        reason     text,
                        -- The article that an order was rejected for.
                        sku        text,
                        -- Counts changes, so that two writers notice each other.
                        version    int  NOT NULL,
                        created_at timestamptz NOT NULL DEFAULT now(),
                        updated_at timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (tenant, order_id)
                    ) WITH (fillfactor = 80);
                    CREATE TABLE reservation_lines (
                        tenant   text   NOT NULL,
                        order_id text   NOT NULL,
                        position int    NOT NULL,
                        sku      text   NOT NULL,
                        quantity bigint NOT NULL CHECK (quantity > 0),
                        -- Whether the pieces are among stock.reserved.
                        counted  boolean NOT NULL,
                        PRIMARY KEY (tenant, order_id, position)
                    );
                    """),
            Migration(version: 2, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(version: 3, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 4, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(version: 5, name: "content types", sql: MessagingSchema.contentTypes),
            Migration(version: 6, name: "audit log", sql: MessagingSchema.audit),
            Migration(
                version: 7, name: "reservations know what they have heard",
                sql: """
                    -- Ids of the messages that have changed the row; null where it was there before.
                    ALTER TABLE reservations ADD COLUMN heard text;
                    -- Room on its page for a reservation that is consumed: no index is written for it then.
                    ALTER TABLE reservations SET (fillfactor = 50);
                    """),
            Migration(version: 8, name: "express orders", sql: MessagingSchema.express),
            Migration(version: 9, name: "schemas of payloads", sql: MessagingSchema.schemas),
            Migration(version: 10, name: "messages that wait for their time", sql: MessagingSchema.schedule),
            Migration(
                version: 11, name: "no statistics of what nobody looks for",
                sql: """
                    -- Statements find no row by these, and their samples are most of what ANALYZE sorts and logs.
                    ALTER TABLE reservations
                        ALTER COLUMN heard SET STATISTICS 0;
                    """),
        ])
}
