/// Batches of orders (`POST /orders/batch`): what is known of each, and how its orders end.
///
/// An order has no row of its own here. Which batch it came in, and as which line, stands in the metadata of its
/// `OrderCreated` (`EventMetadata.batch`), which is read anyway when it ends.
enum BatchSchema {
    static let batches = """
        CREATE TABLE batches (
            tenant       text NOT NULL,
            batch_id     text NOT NULL,
            policy       text NOT NULL,
            -- The user whose orders it has, where the sender may send no others.
            owner        text,
            opened_at    timestamptz NOT NULL DEFAULT now(),
            -- A request adds orders to it until then, at the latest.
            held_until   timestamptz NOT NULL,
            -- No order is added any more; the next three are known from then on.
            sealed_at    timestamptz,
            lines        int,
            accepted     int,
            refused      int,
            -- Whether all lines of the request have come.
            whole        bool,
            -- How orders have ended so far.
            confirmed    int NOT NULL DEFAULT 0,
            cancelled    int NOT NULL DEFAULT 0,
            -- All have ended, and that was told.
            completed_at timestamptz,
            PRIMARY KEY (tenant, batch_id),
            CHECK (sealed_at IS NULL OR accepted IS NOT NULL AND lines IS NOT NULL AND refused IS NOT NULL
                AND whole IS NOT NULL),
            CHECK (completed_at IS NULL OR confirmed + cancelled = accepted)
        ) WITH (fillfactor = 50);
        CREATE INDEX batches_open ON batches (held_until) WHERE sealed_at IS NULL;
        -- Orders stored in an open batch, a row a commit: a counter would have all writers wait for each other.
        CREATE TABLE batch_parts (
            tenant   text NOT NULL,
            batch_id text NOT NULL,
            number   bigint GENERATED ALWAYS AS IDENTITY,
            accepted int NOT NULL,
            PRIMARY KEY (tenant, batch_id, number)
        );
        -- Lines that became no order, and orders that were cancelled.
        CREATE TABLE batch_failures (
            tenant   text NOT NULL,
            batch_id text NOT NULL,
            line     int  NOT NULL,
            -- refused or cancelled.
            status   text NOT NULL,
            order_id text,
            pointer  text,
            reason   text NOT NULL,
            at       timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant, batch_id, line, status)
        );
        """
}
