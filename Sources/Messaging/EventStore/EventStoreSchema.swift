/// The event store's table: append-only, the truth about everything event-sourced, and the relay's outbox in one.
public enum EventStoreSchema {
    public static let events = """
        CREATE TABLE events (
            tenant         text NOT NULL,
            stream_id      text NOT NULL,
            version        int  NOT NULL CHECK (version > 0),
            category       text NOT NULL,
            type           text NOT NULL,
            schema_version int  NOT NULL,
            -- json, not jsonb: the payload goes to Kafka byte for byte as it was written.
            data           json NOT NULL,
            metadata       json NOT NULL,
            position       bigint GENERATED ALWAYS AS IDENTITY,
            txid           xid8 NOT NULL DEFAULT pg_current_xact_id(),
            created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
            -- Optimistic concurrency: two writers of one version, one of them wins.
            PRIMARY KEY (tenant, stream_id, version)
        );
        CREATE UNIQUE INDEX events_position ON events (position);
        CREATE INDEX events_window ON events (txid, position);
        """

    /// Payloads that are no JSON: `raw` has their bytes and `content_type` says what they are. Those of JSON stay in `data`,
    /// and neither old rows nor new ones of them have anything in these columns. No row is read or rewritten for it.
    public static let contentTypes = """
        ALTER TABLE events
            ADD COLUMN content_type text,
            ADD COLUMN raw          bytea,
            ALTER COLUMN data DROP NOT NULL,
            ADD CONSTRAINT events_payload CHECK (
                (data IS NULL) = (raw IS NOT NULL) AND (content_type IS NULL) = (raw IS NULL)) NOT VALID;
        """

    /// Events of express orders, which the relay looks for ahead of a backlog.
    public static let express = ExpressSchema.rows(of: "events")

    /// What belongs to a stream and mustn't stay for ever, as its events do.
    public static let streamSecrets = """
        CREATE TABLE stream_secrets (
            tenant    text NOT NULL,
            stream_id text NOT NULL,
            -- Sealed for who may read it.
            secret    bytea NOT NULL,
            kept_at   timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant, stream_id)
        );
        """

    /// The last snapshot of each long stream: a cache, safe to empty at any time.
    public static let snapshots = """
        CREATE TABLE snapshots (
            tenant    text NOT NULL,
            stream_id text NOT NULL,
            -- Of the last event in it.
            version   int  NOT NULL,
            -- Of the program's state; a program that has another one passes it over.
            format    int  NOT NULL,
            state     json NOT NULL,
            taken_at  timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant, stream_id)
        );
        """
}
