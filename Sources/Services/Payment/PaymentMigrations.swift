import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let payment = ServiceDatabase(
        "payment", requests: .none,
        migrations: [
            Migration(
                version: 1, name: "payments",
                sql: """
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    CREATE TABLE payments (
                        tenant           text NOT NULL,
                        order_id         text NOT NULL,
                        status           text NOT NULL CHECK (status IN (
                            'announced', 'charging', 'undoing', 'charged', 'declined', 'voided', 'refunding',
                            'refund_refused', 'refunded')),
                        -- Null where an undo came before anything else. The amount is in minor units of the currency.
                        user_id          text,
                        amount           bigint,
                        currency         text,
                        payment_token    text,
                        charge_reference text,
                        refund_reference text,
                        reason           text,
                        refund_round     int NOT NULL DEFAULT 0,
                        -- Calls of the gateway begun for what it is being asked now, and the last one's error.
                        attempts         int NOT NULL DEFAULT 0,
                        last_error       text,
                        -- When the gateway is to be asked (again). While a worker asks it: when its lease ends.
                        due_at           timestamptz NOT NULL DEFAULT now(),
                        -- Of the message that caused what is under way, for the fact that ends it.
                        correlation_id   text NOT NULL,
                        causation_id     text NOT NULL,
                        traceparent      text,
                        -- Counts changes, so that two writers notice each other.
                        version          int NOT NULL,
                        created_at       timestamptz NOT NULL DEFAULT now(),
                        updated_at       timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (tenant, order_id),
                        CHECK (status IN ('announced', 'charging', 'voided', 'undoing', 'declined')
                               OR charge_reference IS NOT NULL),
                        CHECK ((status = 'refunded') = (refund_reference IS NOT NULL))
                    ) WITH (fillfactor = 50);
                    CREATE INDEX payments_due ON payments (due_at) WHERE status IN ('charging', 'undoing', 'refunding');
                    CREATE INDEX payments_refused ON payments (due_at) WHERE status = 'refund_refused';
                    \(SimulatedGateway.schema)
                    """),
            Migration(version: 2, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(
                version: 3, name: "requests before their terms",
                sql: """
                    ALTER TABLE payments
                        DROP CONSTRAINT payments_status_check,
                        DROP CONSTRAINT payments_check,
                        ADD CONSTRAINT payments_status_check CHECK (status IN (
                            'announced', 'requested', 'charging', 'undoing', 'charged', 'declined', 'voided', 'refunding',
                            'refund_refused', 'refunded')),
                        ADD CONSTRAINT payments_check CHECK (
                            status IN ('announced', 'requested', 'charging', 'voided', 'undoing', 'declined')
                            OR charge_reference IS NOT NULL);
                    """),
            Migration(version: 4, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 5, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(version: 6, name: "content types", sql: MessagingSchema.contentTypes),
            Migration(version: 7, name: "audit log", sql: MessagingSchema.audit),
            Migration(
                version: 8, name: "payment tokens, sealed",
                sql: """
                    \(TokenKeys.schema)
                    ALTER TABLE payments
                        -- The order service has been asked for it, or will be when it is time to charge.
                        ADD COLUMN token_awaited boolean NOT NULL DEFAULT false,
                        ADD COLUMN sealed_token  bytea,
                        -- The private key of this order alone: without it, the answer on the topic is noise.
                        ADD COLUMN token_key     bytea;
                    -- Readable ones of before: gone where no charge needs them.
                    UPDATE payments SET payment_token = NULL
                    WHERE status NOT IN ('announced', 'requested', 'charging', 'undoing') AND payment_token IS NOT NULL;
                    UPDATE gateway_ledger SET payment_token = NULL WHERE NOT starts_with(payment_token, 'tok_');
                    """),
            Migration(version: 9, name: "charges found by their keys", sql: SimulatedLedger.chargesByKey),
            Migration(
                version: 10, name: "payments know what they have heard",
                sql: """
                    -- Ids of the messages that have changed the row; null where it was there before.
                    ALTER TABLE payments ADD COLUMN heard text;
                    """),
            Migration(
                version: 11, name: "express orders",
                sql: MessagingSchema.express
                    + "\nALTER TABLE payments ADD COLUMN express boolean NOT NULL DEFAULT false;"),
            Migration(version: 12, name: "schemas of payloads", sql: MessagingSchema.schemas),
            Migration(version: 13, name: "messages that wait for their time", sql: MessagingSchema.schedule),
            Migration(
                version: 14, name: "no statistics of what nobody looks for",
                sql: """
                    -- Statements find no row by these, and their samples are most of what ANALYZE sorts and logs.
                    ALTER TABLE payments
                        ALTER COLUMN charge_reference SET STATISTICS 0,
                        ALTER COLUMN correlation_id SET STATISTICS 0,
                        ALTER COLUMN causation_id SET STATISTICS 0,
                        ALTER COLUMN traceparent SET STATISTICS 0,
                        ALTER COLUMN heard SET STATISTICS 0,
                        ALTER COLUMN sealed_token SET STATISTICS 0,
                        ALTER COLUMN token_key SET STATISTICS 0;
                    """),
        ])
}
