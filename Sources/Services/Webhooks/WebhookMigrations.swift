import Messaging
import OrderflowKit
import Postgres

extension ServiceDatabase {
    package static let webhooks = ServiceDatabase(
        "webhooks", requests: .writingOnly(["endpoints", "queues", "facts", "deliveries"]),
        migrations: [
            Migration(
                version: 1, name: "endpoints and their queues",
                sql: """
                    \(MessagingSchema.v1)
                    \(SecretVault.schema)
                    -- What a tenant has said: where it wants to be told, and of what.
                    CREATE TABLE endpoints (
                        number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                        tenant        text NOT NULL,
                        id            text NOT NULL,
                        url           text NOT NULL,
                        -- Types of facts; with * at the end all that begin so.
                        types         text[] NOT NULL,
                        -- suspended: the receiver has refused for too long, or for good. deleted: until its rows are gone.
                        state         text NOT NULL DEFAULT 'active'
                                      CHECK (state IN ('active', 'paused', 'suspended', 'deleted')),
                        reason        text,
                        -- Sealed; the former one signs too until its time is over.
                        secret        bytea NOT NULL,
                        former_secret bytea,
                        former_until  timestamptz,
                        created_at    timestamptz NOT NULL DEFAULT now(),
                        changed_at    timestamptz NOT NULL DEFAULT now(),
                        UNIQUE (tenant, id)
                    );
                    CREATE INDEX endpoints_of_tenants ON endpoints (tenant, created_at, id) WHERE state <> 'deleted';
                    -- How an endpoint fares, and which process works for it.
                    CREATE TABLE queues (
                        endpoint      bigint NOT NULL REFERENCES endpoints ON DELETE CASCADE,
                        tenant        text NOT NULL,
                        holder        text,
                        held_until    timestamptz,
                        -- When it was last somebody's: endpoints take turns.
                        turn          timestamptz NOT NULL DEFAULT '-infinity',
                        -- Rounds in a row in which nothing was accepted, and since when.
                        failures      int NOT NULL DEFAULT 0,
                        failing_since timestamptz,
                        -- Nothing is sent before: the circuit is open, or the receiver has asked for time.
                        not_before    timestamptz,
                        accepted_at   timestamptz,
                        last_status   int,
                        last_error    text,
                        last_at       timestamptz,
                        -- A replay under way queues facts from the first to the last again. None from replay_next on
                        -- is sent meanwhile, so that an order's facts stay in their order.
                        replay_next   bigint,
                        replay_to     bigint,
                        PRIMARY KEY (endpoint, tenant)
                    ) WITH (fillfactor = 50);
                    CREATE INDEX queues_replaying ON queues (endpoint) WHERE replay_next IS NOT NULL;
                    -- Each fact once, however many are told of it.
                    CREATE TABLE facts (
                        position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                        tenant        text NOT NULL,
                        -- Which event it is (EventIdentity): a copy of the record is known by it.
                        identity      text NOT NULL,
                        webhook_id    text NOT NULL,
                        type          text NOT NULL,
                        order_key     text NOT NULL,
                        happened_at   timestamptz NOT NULL,
                        heard_at      timestamptz NOT NULL DEFAULT now(),
                        body          bytea NOT NULL,
                        -- How many rows of deliveries there are of it.
                        endpoints     int NOT NULL,
                        UNIQUE (tenant, identity)
                    );
                    CREATE INDEX facts_of_tenants ON facts (tenant, position);
                    CREATE INDEX facts_by_time ON facts (tenant, heard_at);
                    CREATE TABLE deliveries (
                        endpoint       bigint NOT NULL,
                        fact           bigint NOT NULL,
                        tenant         text NOT NULL,
                        order_key      text NOT NULL,
                        state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered')),
                        -- Queued by a replay, and how often: what is under way from before doesn't end a later one.
                        is_replay      boolean NOT NULL DEFAULT false,
                        round          int NOT NULL DEFAULT 0,
                        tries          int NOT NULL DEFAULT 0,
                        -- Not before; what is new waits for no clock.
                        next_at        timestamptz NOT NULL,
                        first_tried_at timestamptz,
                        last_status    int,
                        last_error     text,
                        done_at        timestamptz,
                        -- In which order facts were first accepted.
                        accepted       bigint,
                        PRIMARY KEY (endpoint, fact, tenant)
                    );
                    CREATE INDEX deliveries_pending ON deliveries (endpoint, fact) WHERE state = 'pending';
                    CREATE INDEX deliveries_of_orders ON deliveries (endpoint, order_key, fact)
                        WHERE state = 'pending';
                    CREATE SEQUENCE acceptances;
                    """),
            Migration(version: 2, name: "express orders", sql: MessagingSchema.express),
            Migration(version: 3, name: "schemas of payloads", sql: MessagingSchema.schemas),
        ])
}
