import CLibpq

extension PostgresConfiguration {
    /// For making roles with the same password. Never print it.
    public var password: String? { options["password"] }
}

extension Connection {
    /// The form in which the server stores `password` (SCRAM verifier or MD5), for `CREATE ROLE … PASSWORD`: the
    /// password itself would end up in the server's log wherever statements are logged.
    public func encryptedPassword(_ password: String, for user: String) throws(PostgresError) -> String {
        let algorithm = try query("SHOW password_encryption")[0].get(0, as: String.self)
        guard let encrypted = PQencryptPasswordConn(link.raw, password, user, algorithm) else {
            throw PostgresError(.configuration, "can't encrypt a password with \(algorithm)")
        }
        defer { PQfreemem(encrypted) }
        return String(cString: encrypted)
    }
}
