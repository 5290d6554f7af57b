import Messaging
import Postgres

extension ProjectionService {
    public static let migrations = [
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
                """)
    ]
}
