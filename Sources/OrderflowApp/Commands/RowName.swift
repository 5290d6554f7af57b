import ArgumentParser
import OrderflowKit

/// How operators call a row of a service's database, such as a dead letter: numbers are a database's own.
struct RowName: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let database: ServiceDatabase
    let number: Int64

    init(database: ServiceDatabase, number: Int64) {
        self.database = database
        self.number = number
    }

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let database = OrderflowApp.services.database(named: String(parts[0])),
            let number = Int64(parts[1])
        else { return nil }
        self.init(database: database, number: number)
    }

    var description: String { "\(database.name)/\(number)" }
}
