import Logging
import Messaging
import OrderflowKit
import Postgres

/// The audit logs of several services' databases as one, in the order of their records' times.
package struct AuditTrail {
    /// A record with the database that it is in.
    package struct Entry: Sendable {
        package let service: String
        package let record: AuditRecord
    }

    /// A log, and how far it has been read.
    private final class Source {
        let service: String
        let connection: Connection
        private let filter: AuditLog.Filter
        private var page: ArraySlice<AuditRecord> = []
        private var position: Int64 = 0
        private var hasEnded = false

        init(_ service: String, _ connection: Connection, _ filter: AuditLog.Filter) {
            self.service = service
            self.connection = connection
            self.filter = filter
        }

        func first() throws -> AuditRecord? {
            if page.isEmpty, !hasEnded {
                page = try AuditLog.page(filter, after: position, limit: AuditTrail.pageSize, on: connection)[...]
                hasEnded = page.count < AuditTrail.pageSize
                position = page.last?.position ?? position
            }
            return page.first
        }

        func passFirst() { page.removeFirst() }
    }

    /// Records of one log in memory.
    private static let pageSize = 500

    private let settings: Settings
    private let databases: [ServiceDatabase]
    private let logger: Logger

    package init(_ settings: Settings, _ databases: [ServiceDatabase], logger: Logger) {
        self.settings = settings
        self.databases = databases
        self.logger = logger
    }

    /// Hands on every record, the oldest first. Costs the same memory however many there are.
    package func forEach(_ filter: AuditLog.Filter, _ body: (Entry) throws -> Void) throws {
        var sources: [Source] = []
        defer { for source in sources { source.connection.close() } }
        for database in databases { sources.append(Source(database.name, try connect(database), filter)) }
        while true {
            var next: (source: Source, record: AuditRecord)?
            for source in sources {
                guard let record = try source.first() else { continue }
                // Of equal times the first database's: each log keeps its own order.
                if let found = next, found.record.at <= record.at { continue }
                next = (source, record)
            }
            guard let next else { return }
            next.source.passFirst()
            try body(Entry(service: next.source.service, record: next.record))
        }
    }

    /// The newest `limit` records, the newest first.
    package func newest(_ filter: AuditLog.Filter, limit: Int) throws -> [Entry] {
        var found: [Entry] = []
        for database in databases {
            found += try on(database) { try AuditLog.newest(filter, limit: limit, on: $0) }.map {
                Entry(service: database.name, record: $0)
            }
        }
        let newestFirst = found.sorted {
            ($0.record.at, $0.service, $0.record.position) > ($1.record.at, $1.service, $1.record.position)
        }
        return Array(newestFirst.prefix(limit))
    }

    /// Where each log ends, by the database's name.
    package func heads() throws -> [(service: String, head: AuditChain.Head)] {
        try databases.map { database in (database.name, try on(database) { try AuditChain.head(on: $0) }) }
    }

    /// What is wrong with the logs.
    ///
    /// - Parameters:
    ///   - noted: heads that were noted before, by the database's name: those logs have to go on from them.
    ///   - onFlaw: called with the database's name and each flaw, at most `limit` of a log.
    /// - Returns: how many flaws there are.
    package func verify(
        noted: [String: AuditChain.Head] = [:], limit: Int = 100, onFlaw: (String, AuditChain.Flaw) -> Void
    ) throws -> Int {
        try databases.reduce(0) { count, database in
            let flaws = try on(database) {
                try AuditChain.flaws(noted: noted[database.name], limit: limit, on: $0)
            }
            for flaw in flaws { onFlaw(database.name, flaw) }
            return count + flaws.count
        }
    }

    private func on<Value>(_ database: ServiceDatabase, _ body: (Connection) throws -> Value) throws -> Value {
        let connection = try connect(database)
        defer { connection.close() }
        return try body(connection)
    }

    private func connect(_ database: ServiceDatabase) throws -> Connection {
        try Connection(settings.database(of: database), logger: logger)
    }
}
