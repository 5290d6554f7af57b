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
        ])
}
