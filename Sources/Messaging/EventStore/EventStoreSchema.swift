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
}
