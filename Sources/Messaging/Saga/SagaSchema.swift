/// The tables of the saga engine. A service lists them among its own migrations.
public enum SagaSchema {
    /// Instances as they stand, and everything that ever happened to them.
    public static let tables = """
        CREATE TABLE saga_instances (
            saga           text   NOT NULL,
            tenant         text   NOT NULL,
            id             text   NOT NULL,
            status         text   NOT NULL,
            version        bigint NOT NULL,
            -- When the instance wants to be looked at though nothing was heard.
            due_at         timestamptz,
            -- Why a person should look at it.
            attention      text,
            correlation_id text   NOT NULL,
            traceparent    text,
            -- The payload of the fact that started it.
            start          json,
            state          json   NOT NULL,
            created_at     timestamptz NOT NULL,
            started_at     timestamptz,
            ended_at       timestamptz,
            updated_at     timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (saga, tenant, id)
        ) WITH (fillfactor = 70);
        CREATE INDEX saga_instances_due ON saga_instances (saga, due_at) WHERE due_at IS NOT NULL;
        CREATE INDEX saga_instances_attention ON saga_instances (saga, tenant, created_at) WHERE attention IS NOT NULL;
        CREATE INDEX saga_instances_open ON saga_instances (saga, status) WHERE ended_at IS NULL;
        CREATE INDEX saga_instances_newest ON saga_instances (saga, tenant, created_at, id);
        CREATE TABLE saga_log (
            position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            saga       text   NOT NULL,
            tenant     text   NOT NULL,
            id         text   NOT NULL,
            version    bigint NOT NULL,
            at         timestamptz NOT NULL,
            event      text   NOT NULL,
            step       text,
            detail     text,
            -- message, deadline or operator.
            cause      text   NOT NULL,
            -- Type of the message, or name of the operator.
            cause_name text,
            message_id text
        );
        CREATE INDEX saga_log_instance ON saga_log (saga, tenant, id, position);
        """

    /// Which definitions there have been, and which of them leads each instance.
    ///
    /// The instances under way are found by who leads them, so that a process that starts looks only at those that
    /// another definition has led.
    public static let definitions = """
        CREATE TABLE saga_definitions (
            saga        text   NOT NULL,
            fingerprint text   NOT NULL,
            version     bigint NOT NULL,
            -- SagaCourse.
            course      json   NOT NULL,
            known_since timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (saga, fingerprint)
        );
        -- Fingerprints; empty where an instance was started, or last moved, before they were recorded.
        ALTER TABLE saga_instances ADD COLUMN definition text NOT NULL DEFAULT '';
        ALTER TABLE saga_instances ADD COLUMN led_by text NOT NULL DEFAULT '';
        DROP INDEX saga_instances_open;
        CREATE INDEX saga_instances_open ON saga_instances (saga, led_by, status) WHERE ended_at IS NULL;
        """

    /// An instance is one row, rewritten in place, with its log in it.
    ///
    /// - What the usual change touches is in no index, nor in the condition of one, and a page has room for a second version
    ///   of all its rows: PostgreSQL then rewrites a row where it is (heap-only tuples) and writes no index.
    /// - Columns that never change are first and the log is last, because a row that stays on its page is logged without
    ///   the bytes in which both versions begin and end.
    /// - Instances under way are those of one index, by when the clock has to look at them.
    ///
    /// The rows that are there are copied once, packed; those that have ended without the payload of their start.
    /// Daemons of the version before go on: they write to `saga_log`, which is read as well.
    public static let rows = """
        ALTER TABLE saga_instances RENAME TO saga_instances_before;
        CREATE TABLE saga_instances (
            created_at     timestamptz NOT NULL,
            saga           text   NOT NULL,
            tenant         text   NOT NULL,
            id             text   NOT NULL,
            correlation_id text   NOT NULL,
            traceparent    text,
            -- Fingerprints; empty where an instance was started, or last moved, before they were recorded.
            definition     text   NOT NULL DEFAULT '',
            led_by         text   NOT NULL DEFAULT '',
            -- The payload of the fact that started it, until it has ended.
            start          json,
            started_at     timestamptz,
            -- When the clock has to look at it: its next deadline, or sooner.
            due_at         timestamptz,
            -- Why a person should look at it.
            attention      text,
            status         text   NOT NULL,
            version        bigint NOT NULL,
            updated_at     timestamptz NOT NULL DEFAULT now(),
            ended_at       timestamptz,
            state          json   NOT NULL,
            -- SagaRowLog.
            log            bytea  NOT NULL DEFAULT ''
        );
        -- Until its policies are there, nobody but its owner sees a row.
        ALTER TABLE saga_instances ENABLE ROW LEVEL SECURITY;
        INSERT INTO saga_instances (created_at, saga, tenant, id, correlation_id, traceparent, definition, led_by, start,
                                    started_at, due_at, attention, status, version, updated_at, ended_at, state)
        SELECT created_at, saga, tenant, id, correlation_id, traceparent, definition, led_by,
               CASE WHEN ended_at IS NULL THEN start END,
               started_at, due_at, attention, status, version, updated_at, ended_at, state
        FROM saga_instances_before;
        DROP TABLE saga_instances_before;
        ALTER TABLE saga_instances SET (fillfactor = 40);
        ALTER TABLE saga_instances ADD PRIMARY KEY (saga, tenant, id);
        CREATE INDEX saga_instances_open ON saga_instances (saga, due_at) INCLUDE (status) WHERE ended_at IS NULL;
        CREATE INDEX saga_instances_attention ON saga_instances (saga, tenant, created_at) WHERE attention IS NOT NULL;
        CREATE INDEX saga_instances_newest ON saga_instances (saga, tenant, created_at);
        ANALYZE saga_instances;
        """
}
