import OrderflowKit
import Postgres

extension Settings {
    /// Runs what needs the administrator's connection. Where it is refused and no setting says who that is, the error
    /// says so too.
    func asAdministrator<R>(_ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch var error as PostgresError where database.adminURL == nil && Self.isRefusal(error) {
            error.message += "; database.admin_url, a role that may make databases and tables, isn't set"
            throw error
        }
    }

    /// Unknown or not allowed to log in (28000), a wrong password, too few rights.
    private static func isRefusal(_ error: PostgresError) -> Bool {
        [SQLState("28000"), .invalidPassword, .insufficientPrivilege].contains(error.sqlState)
    }
}
