import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let views = ServiceDatabase(
        "views", requests: .reading,
        migrations: [
            Migration(
                version: 1, name: "order views",
                sql: """
                    \(MessagingSchema.outbox)
                    \(MessagingSchema.relay)
                    \(MessagingSchema.consumer)
                    CREATE TABLE order_views (
                        tenant     text   NOT NULL,
                        order_id   text   NOT NULL,
                        -- Null until OrderCreated has been seen: such a row is kept but not shown.
                        user_id    text,
                        status     text   NOT NULL,
                        created_at timestamptz,
                        -- Stream version of the order, for read-your-writes.
                        version    int    NOT NULL,
                        -- Facts applied; guards against a lost update and names the representation (ETag).
                        revision   int    NOT NULL,
                        -- What GET /orders/{id} answers, byte for byte.
                        document   json   NOT NULL,
                        PRIMARY KEY (tenant, order_id)
                    ) WITH (fillfactor = 70);
                    CREATE INDEX order_views_by_time ON order_views (tenant, created_at DESC, order_id DESC)
                        WHERE user_id IS NOT NULL;
                    CREATE INDEX order_views_by_user ON order_views (tenant, user_id, created_at DESC, order_id DESC);
                    CREATE INDEX order_views_by_status ON order_views (tenant, status, created_at DESC, order_id DESC)
                        WHERE user_id IS NOT NULL;
                    """),
            Migration(
                version: 2, name: "invoices",
                sql: """
                    CREATE TABLE invoice_orders (
                        tenant           text NOT NULL,
                        order_id         text NOT NULL,
                        -- 0 pending, 1 confirmed, 2 cancelled.
                        status           int  NOT NULL,
                        -- Null until OrderCreated has been seen, like all below.
                        user_id          text,
                        created_at       timestamptz,
                        -- In minor units.
                        total            bigint,
                        currency         text,
                        email            text,
                        shipping_address text,
                        items            json,
                        PRIMARY KEY (tenant, order_id)
                    ) WITH (fillfactor = 80);
                    CREATE INDEX invoice_orders_by_user ON invoice_orders (tenant, user_id, created_at)
                        WHERE user_id IS NOT NULL;
                    CREATE TABLE invoice_recipients (
                        tenant          text NOT NULL,
                        user_id         text NOT NULL,
                        name            text,
                        email           text,
                        -- When and by which message name and email were said: the latest stays.
                        user_at         timestamptz,
                        user_message    text,
                        address         text,
                        address_at      timestamptz,
                        address_message text,
                        PRIMARY KEY (tenant, user_id)
                    );
                    """),
            Migration(
                version: 3, name: "sales",
                sql: """
                    -- What each order counts for in the sums below.
                    CREATE TABLE sales_orders (
                        tenant     text NOT NULL,
                        order_id   text NOT NULL,
                        -- 0 pending, 1 confirmed, 2 cancelled.
                        status     int  NOT NULL,
                        -- Null until OrderCreated has been seen, like all below.
                        user_id    text,
                        created_at timestamptz,
                        total      bigint,
                        currency   text,
                        items      json,
                        PRIMARY KEY (tenant, order_id)
                    ) WITH (fillfactor = 80);
                    CREATE TABLE customer_totals (
                        tenant    text   NOT NULL,
                        user_id   text   NOT NULL,
                        currency  text   NOT NULL,
                        orders    bigint NOT NULL,
                        confirmed bigint NOT NULL,
                        cancelled bigint NOT NULL,
                        -- Of confirmed orders, in minor units.
                        spend     bigint NOT NULL,
                        first_at  timestamptz NOT NULL,
                        last_at   timestamptz NOT NULL,
                        PRIMARY KEY (tenant, user_id, currency)
                    ) WITH (fillfactor = 80);
                    -- Confirmed orders by the UTC day of their creation: pieces by article, minor units by currency.
                    CREATE TABLE sales_by_article (
                        tenant text   NOT NULL,
                        day    date   NOT NULL,
                        sku    text   NOT NULL,
                        orders bigint NOT NULL,
                        amount bigint NOT NULL,
                        PRIMARY KEY (tenant, day, sku)
                    ) WITH (fillfactor = 80);
                    CREATE TABLE sales_by_currency (
                        tenant   text   NOT NULL,
                        day      date   NOT NULL,
                        currency text   NOT NULL,
                        orders   bigint NOT NULL,
                        amount   bigint NOT NULL,
                        PRIMARY KEY (tenant, day, currency)
                    ) WITH (fillfactor = 80);
                    """),
            Migration(version: 4, name: "decisions on dead letters", sql: MessagingSchema.deadLetterDecisions),
            Migration(
                version: 5, name: "sums of any size",
                sql: """
                    -- An amount fits a bigint, and a sum of enough of them doesn't.
                    ALTER TABLE customer_totals ALTER COLUMN spend TYPE numeric;
                    ALTER TABLE sales_by_article ALTER COLUMN amount TYPE numeric;
                    ALTER TABLE sales_by_currency ALTER COLUMN amount TYPE numeric;
                    """),
            Migration(version: 6, name: "snapshots of the relay", sql: MessagingSchema.relaySnapshots),
            Migration(version: 7, name: "counts of parked messages", sql: MessagingSchema.parkedCounts),
            Migration(version: 8, name: "content types", sql: MessagingSchema.contentTypes),
            Migration(version: 9, name: "audit log", sql: MessagingSchema.audit),
            Migration(
                version: 10, name: "views without payment tokens",
                sql: """
                    UPDATE order_views SET document = (document::jsonb - 'paymentToken')::json
                    WHERE document ->> 'paymentToken' IS NOT NULL;
                    """),
            Migration(
                version: 11, name: "views in pieces",
                sql: """
                    -- What GET /orders/{id} answers, in three pieces. The order of the columns matters: of a row that
                    -- is rewritten on its page, what both versions begin and end with isn't logged.
                    CREATE TABLE order_view_pieces (
                        tenant     text   NOT NULL,
                        order_id   text   NOT NULL,
                        -- Null until OrderCreated has been seen: such a row is kept but not shown.
                        user_id    text,
                        created_at timestamptz,
                        -- A JSON object: the order as it was created. Text, like the others: JSON that is written by us
                        -- and read as it is needn't be parsed with each write.
                        head       text   NOT NULL,
                        status     text   NOT NULL,
                        -- Stream version of the order, for read-your-writes.
                        version    int    NOT NULL,
                        -- Facts applied; names the representation (ETag).
                        revision   int    NOT NULL,
                        -- A JSON object: what has come of it.
                        state      text   NOT NULL,
                        -- A JSON array of facts, the newest first.
                        timeline   text   NOT NULL
                    -- A usual row isn't compressed.
                    ) WITH (fillfactor = 90, toast_tuple_target = 4080);
                    INSERT INTO order_view_pieces
                    SELECT v.tenant, v.order_id, v.user_id, v.created_at, coalesce(d.head, '{}'), v.status, v.version,
                           v.revision, coalesce(d.state, '{}'), coalesce(t.timeline, '[]')
                    FROM order_views v
                    CROSS JOIN LATERAL (
                        SELECT '{' || string_agg(m.text, ',' ORDER BY m.place) FILTER (WHERE m.is_head) || '}' AS head,
                               '{' || string_agg(m.text, ',' ORDER BY m.place) FILTER (WHERE NOT m.is_head) || '}'
                                   AS state
                        FROM (
                            SELECT to_json(key)::text || ':' || value::text AS text, place,
                                   key IN ('orderId', 'userId', 'items', 'total', 'currency', 'createdAt', 'email',
                                           'shippingAddress', 'paymentToken', 'paymentTokenSealed') AS is_head
                            FROM json_each(v.document) WITH ORDINALITY AS j (key, value, place)
                            WHERE key <> 'timeline'
                        ) AS m
                    ) AS d
                    CROSS JOIN LATERAL (
                        SELECT '[' || string_agg(e.entry::text, ',' ORDER BY e.place DESC) || ']' AS timeline
                        FROM json_array_elements(v.document -> 'timeline') WITH ORDINALITY AS e (entry, place)
                    ) AS t;
                    DROP TABLE order_views;
                    ALTER TABLE order_view_pieces RENAME TO order_views;
                    -- Orders that come together change together, to three times their size: with so much room each new
                    -- version finds a place on its page.
                    ALTER TABLE order_views SET (fillfactor = 20);
                    ALTER TABLE order_views ADD CONSTRAINT order_views_pkey PRIMARY KEY (tenant, order_id);
                    CREATE INDEX order_views_by_time ON order_views (tenant, created_at DESC, order_id DESC)
                        WHERE user_id IS NOT NULL;
                    CREATE INDEX order_views_by_user ON order_views (tenant, user_id, created_at DESC, order_id DESC);
                    CREATE INDEX order_views_by_status ON order_views (tenant, status, created_at DESC, order_id DESC)
                        WHERE user_id IS NOT NULL;
                    """),
            Migration(
                version: 12, name: "room for outcomes",
                sql: """
                    -- All orders of a page are confirmed or cancelled soon after they came: for each there is room for
                    -- another version.
                    ALTER TABLE invoice_orders SET (fillfactor = 50);
                    ALTER TABLE sales_orders SET (fillfactor = 50);
                    """),
            Migration(version: 13, name: "express orders", sql: MessagingSchema.express),
            Migration(version: 14, name: "schemas of payloads", sql: MessagingSchema.schemas),
            Migration(version: 15, name: "messages that wait for their time", sql: MessagingSchema.schedule),
            Migration(
                version: 16, name: "no statistics of what nobody looks for",
                sql: """
                    -- Statements find no row by these, and their samples are most of what ANALYZE sorts and logs.
                    ALTER TABLE order_views
                        ALTER COLUMN head SET STATISTICS 0,
                        ALTER COLUMN state SET STATISTICS 0,
                        ALTER COLUMN timeline SET STATISTICS 0;
                    ALTER TABLE invoice_orders
                        ALTER COLUMN email SET STATISTICS 0,
                        ALTER COLUMN shipping_address SET STATISTICS 0;
                    """),
        ])
}
