import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let notification = ServiceDatabase(
        "notification", requests: .none,
        migrations: [
            Migration(
                version: 1, name: "mails",
                sql: """
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    -- Whom to write to about an order, from OrderCreated.
                    CREATE TABLE contacts (
                        tenant    text NOT NULL,
                        order_id  text NOT NULL,
                        user_id   text NOT NULL,
                        recipient text NOT NULL,
                        total     text NOT NULL,
                        currency  text NOT NULL,
                        PRIMARY KEY (tenant, order_id)
                    );
                    -- The intent to send a mail: one per order and kind, whatever comes twice.
                    CREATE TABLE mails (
                        id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                        tenant          text NOT NULL,
                        order_id        text NOT NULL,
                        kind            text NOT NULL,
                        recipient       text NOT NULL,
                        subject         text NOT NULL,
                        body            text NOT NULL,
                        message_id      text NOT NULL,
                        status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
                        attempts        int  NOT NULL DEFAULT 0,
                        error           text,
                        -- What the fact that is sent after the mail needs to know of its cause.
                        correlation_id  text NOT NULL,
                        causation_id    text NOT NULL,
                        traceparent     text,
                        next_attempt_at timestamptz NOT NULL DEFAULT now(),
                        created_at      timestamptz NOT NULL DEFAULT now(),
                        sent_at         timestamptz,
                        UNIQUE (tenant, order_id, kind)
                    ) WITH (fillfactor = 80);
                    CREATE INDEX mails_due ON mails (next_attempt_at, id) WHERE status = 'pending';
                    """),
            Migration(version: 2, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(
                version: 3, name: "mails before their contacts",
                sql: """
                    -- Mails about orders whose OrderCreated hasn't come: a foreign producer may have put it on another
                    -- partition. Their rows in contacts have no recipient yet.
                    CREATE TABLE early_mails (
                        tenant         text NOT NULL,
                        order_id       text NOT NULL,
                        kind           text NOT NULL,
                        amount         text,
                        reason         text,
                        correlation_id text NOT NULL,
                        causation_id   text NOT NULL,
                        traceparent    text,
                        created_at     timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (tenant, order_id, kind)
                    );
                    """),
            Migration(
                version: 4, name: "orders without an address",
                sql: """
                    -- Null where there is none to write to; empty, as before, while OrderCreated hasn't come.
                    ALTER TABLE contacts ALTER COLUMN recipient DROP NOT NULL;
                    ALTER TABLE mails
                        ALTER COLUMN recipient DROP NOT NULL,
                        DROP CONSTRAINT mails_status_check,
                        ADD CONSTRAINT mails_status_check CHECK (status IN ('pending', 'sent', 'failed', 'unaddressed')),
                        ADD CONSTRAINT mails_recipient_check CHECK ((recipient IS NULL) = (status = 'unaddressed'));
                    """),
            Migration(version: 5, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 6, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(version: 7, name: "content types", sql: MessagingSchema.contentTypes),
            Migration(version: 8, name: "audit log", sql: MessagingSchema.audit),
            Migration(
                version: 9, name: "express orders",
                sql: MessagingSchema.express + "\nALTER TABLE mails ADD COLUMN express boolean NOT NULL DEFAULT false;"),
            Migration(version: 10, name: "schemas of payloads", sql: MessagingSchema.schemas),
            Migration(
                version: 11, name: "mails expire",
                sql: """
                    -- When a mail is of no use any more; null for those from before.
                    ALTER TABLE mails
                        ADD COLUMN expires_at timestamptz,
                        DROP CONSTRAINT mails_status_check,
                        ADD CONSTRAINT mails_status_check
                            CHECK (status IN ('pending', 'sent', 'failed', 'unaddressed', 'expired'));
                    """),
            Migration(version: 12, name: "messages that wait for their time", sql: MessagingSchema.schedule),
            Migration(
                version: 13, name: "contacts without orders",
                sql: """
                    -- Of an order that was withdrawn its key alone stays.
                    ALTER TABLE contacts
                        ALTER COLUMN user_id DROP NOT NULL,
                        ALTER COLUMN total DROP NOT NULL,
                        ALTER COLUMN currency DROP NOT NULL;
                    """),
            // Mails of one batch are sent together: each finds room on its page, and isn't logged whole a second time.
            Migration(
                version: 14, name: "room for what becomes of mails", sql: "ALTER TABLE mails SET (fillfactor = 50)"),
            Migration(
                version: 15, name: "no statistics of what nobody looks for",
                sql: """
                    -- Statements find no row by these, and their samples are most of what ANALYZE sorts and logs.
                    ALTER TABLE mails
                        ALTER COLUMN recipient SET STATISTICS 0,
                        ALTER COLUMN subject SET STATISTICS 0,
                        ALTER COLUMN body SET STATISTICS 0,
                        ALTER COLUMN message_id SET STATISTICS 0,
                        ALTER COLUMN correlation_id SET STATISTICS 0,
                        ALTER COLUMN causation_id SET STATISTICS 0,
                        ALTER COLUMN traceparent SET STATISTICS 0;
                    ALTER TABLE contacts
                        ALTER COLUMN user_id SET STATISTICS 0,
                        ALTER COLUMN recipient SET STATISTICS 0,
                        ALTER COLUMN total SET STATISTICS 0;
                    """),
        ])
}
