import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// What goes ahead of a relay's backlog, whatever transactions do meanwhile. Without Kafka.
@Suite(.blocking, .servers) struct RelayLookaheadTests {
    /// An outbox, and a relay that notes what it would publish.
    private final class Scene {
        let database: PostgresConfiguration
        let reader: Connection
        private var window: RelayWindow
        private var lookahead: RelayLookahead
        private var encoder = RelayEncoder(source: .outbox, signatures: nil)
        private var checkpoint: RelayCheckpoint
        private let pageSize: Int
        private var ready: RelayPage?
        /// In their order: positions, keys, and whether the order is express.
        private(set) var published: [(position: Int64, key: String, isExpress: Bool)] = []

        init(pageSize: Int) throws {
            self.pageSize = pageSize
            database = try freshDatabase(OutboxFixture.schema)
            reader = try Connection(database, logger: quiet)
            window = RelayWindow(source: .outbox, pageSize: pageSize)
            lookahead = RelayLookahead(source: .outbox, pageSize: pageSize)
            checkpoint = try RelayCheckpointStore.load("outbox", on: reader)
        }

        func connect() throws -> Connection { try Connection(database, logger: quiet) }

        /// A message of an order, through the outbox as services use it.
        func insert(_ key: String, isExpress: Bool, on connection: Connection) throws {
            try Outbox.append(
                [
                    OutgoingEvent(
                        topic: "t", key: key, type: "Happened", payload: Array("{}".utf8),
                        metadata: EventMetadata(
                            id: "i", source: "/test", time: 0, correlationID: "c",
                            priority: isExpress ? .express : .ordinary))
                ], on: connection)
        }

        /// As `Relay.readWindows` goes through a page: that of a window that has begun was read with the one before it.
        func step() throws {
            let page = try ready ?? nextPage(after: checkpoint)
            ready = nil
            if page.rows > 0 {
                if let express = try lookahead.look(before: page, after: checkpoint, on: reader) {
                    note(lookahead.unpublished(try encoder.records(express)))
                }
                note(lookahead.remaining(page.records))
                if page.isInWindow { ready = try nextPage(after: page.next) }
            }
            lookahead.finished(page, after: checkpoint)
            checkpoint = page.next
        }

        private func nextPage(after checkpoint: RelayCheckpoint) throws -> RelayPage {
            let found = try window.nextPage(after: checkpoint, on: reader)
            return try RelayPage(found.rows, next: found.next, by: &encoder)
        }

        private func note(_ records: [RelayRecord]) {
            published += records.map {
                ($0.position, String(decoding: $0.message.key ?? [], as: UTF8.self), $0.isExpress)
            }
        }

        var isThrough: Bool {
            get throws {
                try reader.query("SELECT count(*) FROM outbox").one().get(0, as: Int64.self) == Int64(published.count)
            }
        }
    }

    @Test func expressRowsGoAheadOfABacklog() throws {
        let scene = try Scene(pageSize: 20)
        let writer = try scene.connect()
        for number in 0..<100 { try scene.insert("o\(number)", isExpress: false, on: writer) }
        try scene.insert("x1", isExpress: true, on: writer)
        try scene.step()
        // A page at a time: what comes while the backlog is under way goes before the next page of it.
        try scene.insert("x1", isExpress: true, on: writer)
        try scene.insert("x2", isExpress: true, on: writer)
        try scene.step()
        #expect(scene.published.map(\.isExpress).firstIndex(of: true) == 0)
        #expect(scene.published[21...22].map(\.key) == ["x1", "x2"])
        for number in 100..<120 { try scene.insert("o\(number)", isExpress: false, on: writer) }
        while try !scene.isThrough { try scene.step() }
        #expect(Set(scene.published.map(\.position)).count == scene.published.count)
        #expect(scene.published.filter { !$0.isExpress }.map(\.position).isSorted)
    }

    /// The rows of one order never swap and each goes once, over transactions that end in any order, late ones with low
    /// positions, backlogs of any length, and looks that find more than a page.
    @Test func everyScheduleIsPublishedOnceAndInOrder() throws {
        var generator = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(2) {
            let scene = try Scene(pageSize: Int.random(in: 2...9, using: &generator))
            let connections = try (0..<5).map { _ in try scene.connect() }
            var open: [Int: Set<String>] = [:]
            var left = 250
            while left > 0 || !open.isEmpty {
                let index = Int.random(in: 0..<connections.count, using: &generator)
                switch Int.random(in: 0..<12, using: &generator) {
                case 0: try scene.step()
                case 1...8:
                    guard left > 0 else { fallthrough }
                    if open[index] == nil {
                        try connections[index].script("BEGIN")
                        open[index] = []
                    }
                    // An order's writer holds it, as by a row's lock.
                    let isExpress = Int.random(in: 0..<3, using: &generator) == 0
                    let key = (isExpress ? "x" : "o") + String(Int.random(in: 0..<6, using: &generator))
                    guard !open.contains(where: { $0.key != index && $0.value.contains(key) }) else { continue }
                    open[index]?.insert(key)
                    try scene.insert(key, isExpress: isExpress, on: connections[index])
                    left -= 1
                default:
                    guard open[index] != nil else { continue }
                    try connections[index].script(
                        Int.random(in: 0..<8, using: &generator) == 0 ? "ROLLBACK" : "COMMIT")
                    open[index] = nil
                }
            }
            while try !scene.isThrough { try scene.step() }
            let positions = scene.published.map(\.position)
            #expect(Set(positions).count == positions.count, "seed \(generator.seed)")
            for (key, rows) in Dictionary(grouping: scene.published, by: \.key) {
                #expect(rows.map(\.position).isSorted, "\(key) of seed \(generator.seed)")
            }
        }
    }
}

extension [Int64] {
    fileprivate var isSorted: Bool { zip(self, dropFirst()).allSatisfy { $0 < $1 } }
}
