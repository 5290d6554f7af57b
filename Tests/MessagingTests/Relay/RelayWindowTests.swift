import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Which rows the relay reads, and in which order, whatever transactions do meanwhile. Without Kafka.
@Suite(.blocking, .servers) struct RelayWindowTests {
    /// An outbox, writers, and a reader that remembers what it has read.
    private final class Scene {
        let database: PostgresConfiguration
        let reader: Connection
        private(set) var window: RelayWindow
        private(set) var checkpoint: RelayCheckpoint
        private var stored: RelayCheckpoint
        /// What was read, in order: keys and numbers.
        private(set) var read: [(key: String, number: Int)] = []

        init(pageSize: Int = 5) throws {
            database = try freshDatabase(OutboxFixture.schema)
            reader = try Connection(database, logger: quiet)
            window = RelayWindow(source: .outbox, pageSize: pageSize)
            checkpoint = try RelayCheckpointStore.load("outbox", on: reader)
            stored = checkpoint
        }

        func connect() throws -> Connection { try Connection(database, logger: quiet) }

        func insert(_ key: String, _ number: Int, on connection: Connection) throws {
            try connection.execute(
                """
                INSERT INTO outbox (topic, key, type, schema_version, data, metadata)
                VALUES ('t', $1, 'Happened', 1, $2::text::json, '{}')
                """, [.text(key), .text("\(number)")])
        }

        /// One page. False when there was none.
        @discardableResult
        func look() throws -> Bool {
            let page = try window.nextPage(after: checkpoint, on: reader)
            for row in page.rows {
                read.append((try row.get(2, as: String.self), Int(try row.get(5, as: String.self)) ?? -1))
            }
            let moved = page.next != checkpoint
            checkpoint = page.next
            #expect(Int(checkpoint.published) == read.count)
            return moved
        }

        func store() throws {
            guard checkpoint.published != stored.published else { return }
            try RelayCheckpointStore.move("outbox", from: stored, to: checkpoint, on: reader)
            stored = checkpoint
        }

        /// Another leader goes on from what is stored, and reads the rest again.
        func restart(pageSize: Int) throws {
            checkpoint = try RelayCheckpointStore.load("outbox", on: reader)
            #expect(checkpoint == stored)
            read.removeLast(read.count - Int(checkpoint.published))
            window = RelayWindow(source: .outbox, pageSize: pageSize)
        }

        func backlog() throws -> Int {
            let query = BacklogQuery.relay(.outbox, service: "test")
            return Int(try reader.query(query.sql, query.parameters).one().get(0, as: Double.self))
        }
    }

    /// Whatever the planner was told of the table: how many rows are looked at is how many there are to read or delete, even by
    /// plans that were made while there were none.
    @Test func aRelayLooksAtWhatItReadsAndDeletes() throws {
        let database = try freshDatabase(OutboxFixture.schema)
        let writer = try Connection(database, logger: quiet)
        defer { writer.close() }
        try writer.execute("VACUUM ANALYZE outbox")
        let relay = try Connection(Relay.sessions(of: database), logger: quiet)
        defer { relay.close() }
        func insert(_ count: Int) throws {
            try writer.execute(
                """
                INSERT INTO outbox (topic, key, type, schema_version, data, metadata)
                SELECT 't', 'k' || n, 'Happened', 1, '{}', '{}' FROM generate_series(1, $1::int8) n
                """, [.int8(Int64(count))])
        }
        func number(_ sql: String, on connection: Connection) throws -> Int64 {
            try connection.query(sql).one().get(0, as: Int64.self)
        }
        /// Rows of the outbox that `body` has looked at.
        func looks(_ body: () throws -> Void) throws -> Int64 {
            let seen = """
                SELECT pg_stat_get_xact_tuples_returned(c) + pg_stat_get_xact_tuples_fetched(c)
                FROM (SELECT 'outbox'::regclass::oid) t (c)
                """
            return try relay.transaction { connection in
                let before = try number(seen, on: connection)
                try body()
                return try number(seen, on: connection) - before
            }
        }
        var window = RelayWindow(source: .outbox, pageSize: 2_000)
        var checkpoint = try RelayCheckpointStore.load("outbox", on: relay)
        // Often enough for one plan to be kept.
        for _ in 0..<8 {
            checkpoint = try window.nextPage(after: checkpoint, on: relay).next
            #expect(try !RelayPruning.prune(.outbox, behind: checkpoint, on: relay))
        }
        // One transaction is open all the while.
        let open = try Connection(database, logger: quiet)
        defer { open.close() }
        try open.script("BEGIN; SELECT pg_current_xact_id()")
        for _ in 0..<5 {
            try insert(400)
            let page = try window.nextPage(after: checkpoint, on: relay)
            #expect(page.rows.count == 400)
            checkpoint = page.next
        }
        // It knows of few transactions now.
        try writer.execute("ANALYZE outbox")
        try insert(3)
        let reading = try looks {
            let page = try window.nextPage(after: checkpoint, on: relay)
            #expect(page.rows.count == 3)
            checkpoint = page.next
        }
        #expect(reading <= 12, "for 3 rows, beside 2 000 that are out")
        try insert(5)
        var isMore = true
        let deleting = try looks {
            isMore = try RelayPruning.prune(.outbox, behind: checkpoint, limit: 1_000, on: relay)
        }
        #expect(isMore && deleting <= 10_000, "\(deleting) for 1 200 rows")
        // Whole transactions, the oldest first, and none that isn't out.
        #expect(try number("SELECT count(*) FROM outbox", on: writer) == 808)
        #expect(try !RelayPruning.prune(.outbox, behind: checkpoint, limit: 1_000, on: relay))
        #expect(try number("SELECT count(*) FROM outbox", on: writer) == 5)
        #expect(try window.nextPage(after: checkpoint, on: relay).rows.count == 5)
    }

    /// Transactions of random length and order over many connections, ids before rows, savepoints, rollbacks, leaders
    /// that end anywhere, and one transaction elsewhere on the server that stays open all the while.
    @Test func everyScheduleIsReadOnceAndInOrder() throws {
        let scene = try Scene()
        let elsewhere = try Connection(
            PostgresConfiguration(try PostgresServer.shared.get().createDatabase()), logger: quiet)
        try elsewhere.script("BEGIN; SELECT pg_current_xact_id()")
        var generator = SeededGenerator.fromEnvironment()
        let connections = try (0..<6).map { _ in try scene.connect() }
        /// What each connection has open: the keys that it holds, as by a row's lock, and the numbers that it has written.
        var open: [Int: (keys: Set<Int>, numbers: [Int])] = [:]
        var committed = Set<Int>()
        var next = 0
        while next < 600 || !open.isEmpty {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: try scene.look()
            case 1: try scene.store()
            case 2:
                guard Int.random(in: 0..<4, using: &generator) == 0 else { continue }
                try scene.restart(pageSize: Int.random(in: 1...9, using: &generator))
            case 3:
                guard Int.random(in: 0..<4, using: &generator) == 0 else { continue }
                try scene.store()
                #expect(try scene.backlog() == committed.subtracting(scene.read.map(\.number)).count)
            default:
                let index = Int.random(in: 0..<connections.count, using: &generator)
                let connection = connections[index]
                guard let held = open[index] else {
                    guard next < 600 else { continue }
                    // Half of them have their id before they insert anything.
                    let early = Bool.random(using: &generator) ? "; SELECT pg_current_xact_id()" : ""
                    try connection.script("BEGIN" + early)
                    open[index] = ([], [])
                    continue
                }
                let key = Int.random(in: 0..<8, using: &generator)
                let isTaken = open.contains { $0.key != index && $0.value.keys.contains(key) }
                if next < 600, !isTaken, held.numbers.count < 4 {
                    let partly = Int.random(in: 0..<4, using: &generator) == 0
                    if partly { try connection.script("SAVEPOINT part") }
                    try scene.insert("k\(key)", next, on: connection)
                    if partly { try connection.script("RELEASE SAVEPOINT part") }
                    open[index] = (held.keys.union([key]), held.numbers + [next])
                    next += 1
                } else if Int.random(in: 0..<6, using: &generator) == 0 {
                    try connection.script("ROLLBACK")
                    open[index] = nil
                } else {
                    try connection.script("COMMIT")
                    committed.formUnion(held.numbers)
                    open[index] = nil
                }
            }
        }
        while try scene.look() {}
        try scene.store()
        #expect(scene.read.count == committed.count)
        #expect(Set(scene.read.map(\.number)) == committed)
        var last: [String: Int] = [:]
        for (key, number) in scene.read {
            #expect(number > last[key] ?? -1, "key \(key)")
            last[key] = number
        }
        #expect(try scene.backlog() == 0)
        try elsewhere.script("ROLLBACK")
    }

    /// The lowest id writes a key after the highest has, while the middle one is open: a window that ends at the oldest
    /// open transaction has the second row and not the first.
    @Test func anOpenTransactionBetweenTwoDoesNotSwapThem() throws {
        let scene = try Scene()
        let (lowest, middle) = (try scene.connect(), try scene.connect())
        try lowest.script("BEGIN; SELECT pg_current_xact_id()")
        try middle.script("BEGIN; SELECT pg_current_xact_id()")
        try scene.insert("k", 1, on: try scene.connect())
        try scene.insert("k", 2, on: lowest)
        try lowest.script("COMMIT")
        try scene.look()
        #expect(scene.read.map(\.number) == [1, 2])
        try scene.insert("k", 3, on: middle)
        try scene.look()
        #expect(scene.read.map(\.number) == [1, 2])
        try middle.script("COMMIT")
        try scene.look()
        #expect(scene.read.map(\.number) == [1, 2, 3])
    }

    /// Rows of a transaction that was open for long lie far before the others of its window.
    @Test func aWideWindowIsPagedAcrossItsGaps() throws {
        let scene = try Scene(pageSize: 3)
        let long = try scene.connect()
        let short = try scene.connect()
        try long.script("BEGIN")
        for number in 0..<4 { try scene.insert("long", number, on: long) }
        for number in 4..<40 { try scene.insert("short", number, on: short) }
        while try scene.look() {}
        try scene.store()
        try scene.insert("long", 40, on: long)
        try long.script("COMMIT")
        try scene.insert("short", 41, on: short)
        #expect(try scene.look())
        #expect(try scene.backlog() == 6)
        try scene.store()
        #expect(try scene.backlog() == 6 - (scene.read.count - 36))
        try scene.restart(pageSize: 2)
        while try scene.look() {}
        #expect(scene.read.map(\.number) == Array(4..<40) + [0, 1, 2, 3, 40, 41])
    }

    /// Processes of the version before go on beside ours while they are replaced, and know only `low`.
    @Test func aCheckpointOfTheVersionBeforeIsGoneOnFrom() throws {
        let scene = try Scene()
        let writer = try scene.connect()
        for number in 1...4 { try scene.insert("k", number, on: writer) }
        // Two published, then a third in the middle of a window.
        try writer.script(
            """
            UPDATE relay_checkpoints SET published = 2, low = (SELECT txid FROM outbox WHERE position = 3)
            """)
        var checkpoint = try RelayCheckpointStore.load("outbox", on: scene.reader)
        var window = RelayWindow(source: .outbox, pageSize: 100)
        #expect(
            try window.nextPage(after: checkpoint, on: scene.reader).rows.map { try $0.get(0, as: Int.self) } == [3, 4])
        try writer.script(
            """
            UPDATE relay_checkpoints SET position = 3, published = 3,
                high = (SELECT (txid::text::bigint + 1)::text::xid8 FROM outbox WHERE position = 4)
            """)
        checkpoint = try RelayCheckpointStore.load("outbox", on: scene.reader)
        let page = try window.nextPage(after: checkpoint, on: scene.reader)
        #expect(try page.rows.map { try $0.get(0, as: Int.self) } == [4])
        // Ours stores what the old one can go on from, and the other way round.
        try RelayCheckpointStore.move("outbox", from: checkpoint, to: page.next, on: scene.reader)
        let low = try writer.query("SELECT low::text FROM relay_checkpoints WHERE high IS NULL").one()
        #expect(try UInt64(low.get(0, as: String.self)) ?? 0 > 0)
        for number in 5...6 { try scene.insert("k", number, on: writer) }
        // The old one has taken over, in the middle of a window, while ours had one of its own.
        try writer.script(
            """
            UPDATE relay_checkpoints SET reach = pg_current_snapshot(), published = 5, position = 5,
                high = (SELECT (txid::text::bigint + 1)::text::xid8 FROM outbox WHERE position = 6)
            """)
        try scene.insert("k", 7, on: writer)
        checkpoint = try RelayCheckpointStore.load("outbox", on: scene.reader)
        window = RelayWindow(source: .outbox, pageSize: 100)
        var read: [Int] = []
        for _ in 0..<2 {
            let page = try window.nextPage(after: checkpoint, on: scene.reader)
            read += try page.rows.map { try $0.get(0, as: Int.self) }
            checkpoint = page.next
        }
        #expect(read == [6, 7])
        // It has come to the end of one.
        try writer.script(
            """
            UPDATE relay_checkpoints SET published = 6, position = 0, high = NULL,
                low = (SELECT txid FROM outbox WHERE position = 7)
            """)
        checkpoint = try RelayCheckpointStore.load("outbox", on: scene.reader)
        #expect(
            try window.nextPage(after: checkpoint, on: scene.reader).rows.map { try $0.get(0, as: Int.self) } == [7])
    }

    /// A dump restored into a new cluster.
    @Test func transactionIDsThatWentBackAreRefused() throws {
        let scene = try Scene()
        try scene.reader.script("UPDATE relay_checkpoints SET seen = '9000000000:9000000000:', low = '9000000000'")
        #expect(throws: RelayError.self) { try RelayCheckpointStore.load("outbox", on: scene.reader) }
    }
}
