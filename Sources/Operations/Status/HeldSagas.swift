import Execution
import Fulfilment
import Logging
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Orders that wait behind dead letters: the letters lie in the databases of the services, the sagas in another one, and
/// operators' commands are who may read all of them.
package struct HeldSagas: Sendable {
    package struct Entry: Sendable {
        package let key: OrderKey
        /// Nil where the saga itself couldn't handle what would tell it of the order.
        package let saga: StoredSaga?
        /// At least one; the oldest first.
        package var letters: [HeldOrder]

        /// `held up by dead letter shipping/17 of shipping-group: not JSON`
        package var text: String {
            let more = letters.count > 1 ? " and \(letters.count - 1) more" : ""
            return letters.first.map { "\($0.text)\(more): \($0.error)" } ?? ""
        }
    }

    /// The longest held first.
    package private(set) var entries: [Entry] = []
    /// Databases that couldn't be asked, and why.
    package private(set) var problems: [String] = []

    package init(entries: [Entry] = [], problems: [String] = []) {
        self.entries = entries
        self.problems = problems
    }

    /// Letters that are looked at in each database, the newest of them; a tenant's own, where its orders are asked for, so
    /// that others' don't hide them.
    package static let limit = 1_000

    /// On a thread of its own.
    ///
    /// - Parameter tenant: whose orders.
    package static func gather(_ settings: Settings, tenant: String) async throws -> HeldSagas {
        try await DedicatedThread.run("held") { gather(settings, of: tenant) }
    }

    /// Blocks the calling thread.
    ///
    /// - Parameter tenant: whose orders; nil for those of all.
    package static func gather(_ settings: Settings, of tenant: String? = nil) -> HeldSagas {
        var held = HeldSagas()
        var letters: [HeldOrder] = []
        for database in settings.services.databases {
            held.ask(settings, database) { connection in
                letters += try DeadLetterQueue.list(
                    of: tenant, limit: limit, valueLimit: HeldOrder.valueLimit, on: connection
                ).filter { !$0.isForged }.map { HeldOrder($0, of: database.name) }
            }
        }
        guard !letters.isEmpty else { return held }
        letters.sort { $0.since < $1.since }
        var sagas: [OrderKey: StoredSaga] = [:]
        held.ask(settings, .saga) { connection in
            let sagaOperator = SagaOperator(try FulfilmentSaga.orchestrator(settings))
            let open = try sagaOperator.open(
                letters.map { SagaKey(tenant: $0.key.tenant, id: $0.key.orderID) }, on: connection)
            for saga in open.sagas { sagas[OrderKey(tenant: saga.key.tenant, orderID: saga.key.id)] = saga }
        }
        held.join(letters, sagas)
        return held
    }

    /// An order that has ended waits for nothing; its letters are among the dead letters all the same.
    private mutating func join(_ letters: [HeldOrder], _ sagas: [OrderKey: StoredSaga]) {
        var places: [OrderKey: Int] = [:]
        for letter in letters {
            if let place = places[letter.key] {
                entries[place].letters.append(letter)
            } else if sagas[letter.key] != nil || letter.group == FulfilmentSaga.group {
                places[letter.key] = entries.count
                entries.append(Entry(key: letter.key, saga: sagas[letter.key], letters: [letter]))
            }
        }
    }

    private mutating func ask(
        _ settings: Settings, _ database: ServiceDatabase, _ body: (Connection) throws -> Void
    ) {
        do {
            let connection = try Connection(settings.database(of: database), logger: Logger(label: "held"))
            defer { connection.close() }
            try body(connection)
        } catch {
            let problem = "database of \(database.name): \(error)"
            if !problems.contains(problem) { problems.append(problem) }
        }
    }
}
