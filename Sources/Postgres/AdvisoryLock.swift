/// Advisory locks: names for things that aren't rows. Keys are one space per database.
extension Connection {
    /// A key made of a name: FNV-1a, 64 bits. The same for every process and version.
    public static func advisoryKey(_ name: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 {
            hash ^= UInt64(byte)
            hash = hash &* 0x0000_0100_0000_01b3
        }
        return Int64(bitPattern: hash)
    }

    /// Takes the lock for this session if it is free. It is held, across transactions, until `advisoryUnlock` or
    /// the end of the session; taken twice it must be released twice.
    public func tryAdvisoryLock(_ key: Int64) throws(PostgresError) -> Bool {
        try query("SELECT pg_try_advisory_lock($1)", [.int8(key)]).one().get(0)
    }

    /// Waits for the lock, at most `lockTimeout` (`.server(.lockNotAvailable)`).
    public func advisoryLock(_ key: Int64) throws(PostgresError) {
        _ = try query("SELECT pg_advisory_lock($1)", [.int8(key)])
    }

    /// False when this session didn't hold it.
    @discardableResult
    public func advisoryUnlock(_ key: Int64) throws(PostgresError) -> Bool {
        try query("SELECT pg_advisory_unlock($1)", [.int8(key)]).one().get(0)
    }

    /// As `tryAdvisoryLock`, until the transaction ends. Only inside `transaction`.
    public func tryTransactionLock(_ key: Int64) throws(PostgresError) -> Bool {
        try ensureInTransaction()
        return try query("SELECT pg_try_advisory_xact_lock($1)", [.int8(key)]).one().get(0)
    }

    /// As `advisoryLock`, until the transaction ends. Only inside `transaction`.
    public func transactionLock(_ key: Int64) throws(PostgresError) {
        try ensureInTransaction()
        _ = try query("SELECT pg_advisory_xact_lock($1)", [.int8(key)])
    }

    private func ensureInTransaction() throws(PostgresError) {
        guard transactionState == .open else {
            throw PostgresError(.misuse, "a transaction's lock outside a transaction is released at once")
        }
    }
}
