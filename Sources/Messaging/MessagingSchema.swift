import Postgres

/// The tables that every service's database has for messaging. Each service lists them among its own migrations,
/// so that one database has one history.
public enum MessagingSchema {
    /// All tables that a service's messages need, for the first migration of a new service, followed by `v2`. It never
    /// changes: what a later version of this program needs besides is to be appended as another migration.
    public static let v1 = firstParts.joined(separator: "\n")

    /// What came later: for a new service behind `v1`, for one that has `v1` already as a migration of its own.
    public static let v2 = secondParts.joined(separator: "\n")

    /// What the database of every service has, in whichever migrations.
    package static let parts = firstParts + secondParts

    private static let firstParts = [
        outbox, relay, consumer, deadLetterDecisions, relaySnapshots, parkedCounts, contentTypes, audit,
    ]
    private static let secondParts = [express, schemas]

    /// Facts and commands waiting for the relay. `txid` tells it in which of two snapshots a row is.
    public static let outbox = """
        CREATE TABLE outbox (
            position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            txid           xid8 NOT NULL DEFAULT pg_current_xact_id(),
            topic          text NOT NULL,
            key            text NOT NULL,
            type           text NOT NULL,
            schema_version int  NOT NULL,
            data           json,
            metadata       json NOT NULL,
            -- A dead letter goes out as the bytes that came in, which need not be JSON.
            raw            bytea,
            CHECK ((data IS NULL) <> (raw IS NULL))
        );
        CREATE INDEX outbox_window ON outbox (txid, position);
        """

    /// What an event's payload is that is no JSON: its bytes are in `raw`. A dead letter's copy, in `raw` too, has none.
    public static let contentTypes = """
        ALTER TABLE outbox
            ADD COLUMN content_type text,
            ADD CONSTRAINT outbox_content_type CHECK (content_type IS NULL OR raw IS NOT NULL) NOT VALID;
        """

    /// Rows of express orders, which a relay looks for ahead of a backlog.
    public static let express = ExpressSchema.rows(of: "outbox")

    /// The schemas of payloads that are no JSON, by the ids that records name them by. Written once, and never changed: a
    /// registry may be away when the next process asks.
    public static let schemas = """
        CREATE TABLE message_schemas (
            -- Who has given the id: a registry's URL; empty for ids of our own.
            registry text NOT NULL,
            id       int  NOT NULL,
            format   text NOT NULL CHECK (format IN ('protobuf', 'avro')),
            schema   text NOT NULL,
            -- Of a message of ours; null for a foreign producer's.
            subject  text,
            known_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (registry, id)
        );
        """

    /// What operators and keys have done: appended, chained, never changed.
    public static let audit = AuditSchema.sql

    /// How far each relay has published: all of the transactions below `low`, and of the window `low…high`
    /// the rows up to `position`.
    public static let relay = """
        CREATE TABLE relay_checkpoints (
            source    text PRIMARY KEY,
            low       xid8 NOT NULL,
            high      xid8,
            position  bigint NOT NULL DEFAULT 0,
            published bigint NOT NULL DEFAULT 0
        );
        """

    /// The snapshot all of whose rows are published, and the end of the window being published in pages
    /// (`RelayCheckpoint`). `low` is what programs from before go by: nothing below it is left to publish.
    public static let relaySnapshots = """
        ALTER TABLE relay_checkpoints
            ADD COLUMN seen  pg_snapshot,
            ADD COLUMN reach pg_snapshot;
        """

    /// What a consumer group has done: its offsets (the truth; Kafka's are a hint), the messages it has seen,
    /// and those that it could not handle with everything that waits behind them.
    public static let consumer = """
        CREATE TABLE consumer_offsets (
            consumer_group text   NOT NULL,
            topic          text   NOT NULL,
            partition      int    NOT NULL,
            next_offset    bigint NOT NULL,
            updated_at     timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer_group, topic, partition)
        );
        CREATE TABLE inbox (
            consumer_group text NOT NULL,
            message_id     text NOT NULL,
            received_at    timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer_group, message_id)
        );
        CREATE INDEX inbox_age ON inbox USING brin (received_at);
        CREATE TABLE parked_keys (
            consumer_group text NOT NULL,
            topic          text NOT NULL,
            key            text NOT NULL,
            parked_at      timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer_group, topic, key)
        );
        CREATE TABLE dead_letters (
            id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            consumer_group text   NOT NULL,
            topic          text   NOT NULL,
            partition      int    NOT NULL,
            "offset"       bigint NOT NULL,
            key            text   NOT NULL,
            record_key     bytea,
            value          bytea,
            headers        jsonb  NOT NULL DEFAULT '{}',
            record_time    timestamptz NOT NULL,
            -- dead: could not be handled. parked: waits behind a dead one of its key. retry: an operator wants it
            -- handled again. handled and discarded: ended.
            status         text   NOT NULL CHECK (status IN ('dead', 'parked', 'retry', 'handled', 'discarded')),
            error          text   NOT NULL,
            attempts       int    NOT NULL DEFAULT 0,
            created_at     timestamptz NOT NULL DEFAULT now(),
            updated_at     timestamptz NOT NULL DEFAULT now(),
            UNIQUE (consumer_group, topic, partition, "offset")
        );
        CREATE INDEX dead_letters_open ON dead_letters (consumer_group, topic, key, id)
            WHERE status IN ('dead', 'parked', 'retry');
        """

    /// Who had a dead letter retried or discarded, and why.
    public static let deadLetterDecisions = """
        ALTER TABLE dead_letters
            ADD COLUMN decided_by    text,
            ADD COLUMN decision_note text,
            ADD COLUMN decided_at    timestamptz;
        """

    /// How many messages wait for each parked key, and what finds the letters that decide without reading those.
    public static let parkedCounts = """
        ALTER TABLE parked_keys ADD COLUMN waiting bigint NOT NULL DEFAULT 0;
        -- Counted again with every batch.
        ALTER TABLE parked_keys SET (fillfactor = 50);
        UPDATE parked_keys k SET waiting = (
            SELECT count(*) FROM dead_letters d
            WHERE d.consumer_group = k.consumer_group AND d.topic = k.topic AND d.key = k.key AND d.status = 'parked');
        CREATE INDEX dead_letters_heads ON dead_letters (id) WHERE status IN ('dead', 'retry');
        CREATE INDEX dead_letters_asked ON dead_letters (consumer_group, topic, key) WHERE status = 'retry';
        """
}
