/// Secrets that a migration makes, so that nobody has to bring them.
public enum SecretSQL {
    /// An expression for 32 bytes that nobody can guess, other ones in each database: `gen_random_uuid()` is of
    /// PostgreSQL's strong random numbers, 122 bits each.
    public static let bytes =
        "sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
}
