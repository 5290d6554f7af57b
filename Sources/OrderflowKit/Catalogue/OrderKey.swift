import Postgres

/// One order of one tenant: the key of every service's rows.
public struct OrderKey: Hashable, Sendable, Comparable {
    public let tenant: String
    public let orderID: String

    public init(tenant: String, orderID: String) {
        self.tenant = tenant
        self.orderID = orderID
    }

    /// By the first two columns of a row.
    package init(_ row: Row) throws {
        self.init(tenant: try row.get(0, as: String.self), orderID: try row.get(1, as: String.self))
    }

    public static func < (a: OrderKey, b: OrderKey) -> Bool { (a.tenant, a.orderID) < (b.tenant, b.orderID) }
}

/// A row says something that this version of the program doesn't know.
package struct UnknownStatus: Error, CustomStringConvertible {
    package let table: String
    package let status: String

    package init(table: String, status: String) {
        self.table = table
        self.status = status
    }
    package var description: String { "unknown status '\(status)' in table \(table)" }
}
