import Messaging
import Postgres

extension ServiceDatabase {
    /// Whom the installation lets in: a database of no service's, which every role reads.
    package static let access = ServiceDatabase(
        "access",
        // A daemon that was taken over can't make keys.
        readOnly: ["api_keys", "session_secret"], requests: .none,
        migrations: [
            // acts_for is the tenant whose data a key works on, null for any: nobody's row, and so no row of a tenant.
            // txid tells readers what changed since they looked.
            Migration(
                version: 1, name: "api_keys",
                sql: """
                    CREATE TABLE api_keys (
                        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                        name text NOT NULL,
                        acts_for text,
                        scopes text[] NOT NULL,
                        hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
                        created_at timestamptz NOT NULL DEFAULT now(),
                        created_by text NOT NULL,
                        expires_at timestamptz,
                        revoked_at timestamptz,
                        revoked_by text,
                        txid xid8 NOT NULL DEFAULT pg_current_xact_id()
                    );
                    CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;
                    CREATE INDEX api_keys_txid ON api_keys (txid);
                    CREATE TABLE api_key_uses (
                        key_id bigint PRIMARY KEY REFERENCES api_keys (id),
                        last_used_at timestamptz NOT NULL
                    );
                    """),
            Migration(version: 2, name: "audit log", sql: MessagingSchema.audit),
            Migration(
                version: 3, name: "session_secret",
                sql: """
                    CREATE TABLE session_secret (
                        single boolean PRIMARY KEY DEFAULT true CHECK (single),
                        secret bytea NOT NULL CHECK (length(secret) = 32)
                    );
                    INSERT INTO session_secret (secret)
                    SELECT \(SecretSQL.bytes);
                    """),
        ])
}
