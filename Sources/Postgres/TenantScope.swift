/// Whose rows a session may see, told to the server without a round trip of its own.
///
/// Row policies compare a row's tenant with the session's setting `PostgresConfiguration.tenantVariable`. The connection
/// knows what the setting is, and puts the statement that changes it in front of the next one, in the same exchange and
/// the same transaction: where it fails, nothing after it is run.
extension Connection {
    /// Runs `body` so that all its statements see rows of `tenant` alone, where the session is subject to row policies.
    /// Changes nothing on a connection whose configuration has no `tenantVariable`. Not inside a transaction.
    package func acting<R>(for tenant: String, _ body: (Connection) throws -> R) throws -> R {
        guard transactionState == .none else {
            throw PostgresError(.misuse, "a transaction is one tenant's")
        }
        let before = self.tenant
        self.tenant = tenant
        defer { self.tenant = before }
        return try body(self)
    }

    /// The tenant of the statements to come, where the server has to be told.
    var untoldTenant: String? {
        guard let tenant, tenant != toldTenant, configuration.tenantVariable != nil else { return nil }
        return tenant
    }

    /// For the session, not for the transaction alone: the next transaction of the same tenant needn't say it again.
    var tenantStatement: Pipeline.Statement? {
        guard let variable = configuration.tenantVariable, let tenant = untoldTenant else { return nil }
        return Pipeline.Statement(
            sql: "SELECT set_config($1, $2, false)", parameters: [.text(variable), .text(tenant)])
    }
}
