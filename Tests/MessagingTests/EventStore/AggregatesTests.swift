import Execution
import JSON
import Postgres
import TestServers
import Testing

@testable import Messaging

/// A counter that counts how often it was folded.
private struct Tally: EventSourced, Equatable {
    static let folds = Monitor(0)
    static let snapshotVersion = 1
    var sum: Int64 = 0

    init(sum: Int64) { self.sum = sum }

    static func evolve(_ state: Tally?, _ event: StoredEvent) throws -> Tally {
        folds.withLock { $0 += 1 }
        return Tally(sum: (state?.sum ?? 0) + (try JSONValue(parsing: event.data)["n"]?.int64 ?? 0))
    }

    init(snapshot: UnsafeRawBufferPointer) throws {
        sum = try JSONValue(parsing: snapshot)["sum"]?.int64 ?? 0
    }

    func snapshot() -> [UInt8] { Array("{\"sum\":\(sum)}".utf8) }
}

/// The same, after its snapshots' format has changed.
private struct NewTally: EventSourced {
    static let snapshotVersion = 2
    var sum: Int64

    static func evolve(_ state: NewTally?, _ event: StoredEvent) throws -> NewTally {
        NewTally(sum: (state?.sum ?? 0) + (try JSONValue(parsing: event.data)["n"]?.int64 ?? 0))
    }

    init(sum: Int64) { self.sum = sum }
    init(snapshot: UnsafeRawBufferPointer) throws { throw JSONError(reason: "must not be read", offset: 0) }
    func snapshot() -> [UInt8] { Array("{\"total\":\(sum)}".utf8) }
}

@Suite(.serialized, .blocking, .servers) struct AggregatesTests {
    private let tallies = Aggregates<Tally>(category: "tally", interval: 100)

    private func connect() throws -> Connection {
        let schema = EventStoreSchema.events + EventStoreSchema.contentTypes + EventStoreSchema.snapshots
        return try Connection(freshDatabase(schema), logger: quiet)
    }

    private func key(_ id: String) -> StreamKey { StreamKey(tenant: "default", streamID: id) }

    private func append(_ numbers: Range<Int>, to id: String, on connection: Connection) throws {
        let events = numbers.map { number in
            NewEvent(
                type: "Counted", data: Array("{\"n\":\(number)}".utf8),
                metadata: EventMetadata(id: "\(id)-\(number)", source: "/test", time: 0, correlationID: "c"))
        }
        let append = StreamAppend(
            tenant: "default", streamID: id, category: "tally", expectedVersion: numbers.lowerBound - 1,
            events: events)
        #expect(try connection.transaction { try EventStore.append([append], on: $0).isEmpty })
    }

    @Test func aLongStreamIsLoadedFromItsSnapshot() throws {
        let connection = try connect()
        defer { connection.close() }
        // As an application does it: load, append, keep.
        for start in stride(from: 1, through: 9_951, by: 50) {
            try append(start..<(start + 50), to: "long", on: connection)
            try tallies.keep(tallies.load([key("long")], on: connection), on: connection)
        }
        try append(1..<4, to: "short", on: connection)
        Tally.folds.withLock { $0 = 0 }
        let loaded = try tallies.load([key("long"), key("short"), key("none")], on: connection)
        #expect(loaded[key("long")]?.state == Tally(sum: 10_000 * 10_001 / 2))
        #expect(loaded[key("long")]?.version == 10_000)
        #expect(loaded[key("short")]?.state == Tally(sum: 6))
        #expect(loaded[key("none")] == nil)
        #expect(Tally.folds.withLock { $0 } <= 100 + 3)
        #expect(try connection.query("SELECT 1 FROM snapshots").count == 1)
    }

    /// The events are the truth: snapshots may go, or be of a format that nobody reads any more.
    @Test func snapshotsCanBeDoneWithout() throws {
        let connection = try connect()
        defer { connection.close() }
        try append(1..<251, to: "s", on: connection)
        try tallies.keep(tallies.load([key("s")], on: connection), on: connection)
        let new = Aggregates<NewTally>(category: "tally", interval: 100)
        let loaded = try new.load([key("s")], on: connection)
        #expect(loaded[key("s")]?.state.sum == 250 * 251 / 2 && loaded[key("s")]?.snapshotVersion == 0)
        try new.keep(loaded, on: connection)
        #expect(try connection.query("SELECT format FROM snapshots").one().get(0, as: Int32.self) == 2)
        try connection.script("DELETE FROM snapshots")
        #expect(try tallies.load([key("s")], on: connection)[key("s")]?.state.sum == 250 * 251 / 2)
    }

    @Test func anOldSnapshotNeverReplacesANewerOne() throws {
        let connection = try connect()
        defer { connection.close() }
        try append(1..<101, to: "s", on: connection)
        let early = try tallies.load([key("s")], on: connection)
        try append(101..<301, to: "s", on: connection)
        try tallies.keep(tallies.load([key("s")], on: connection), on: connection)
        try tallies.keep(early, on: connection)
        #expect(try connection.query("SELECT version FROM snapshots").one().get(0, as: Int32.self) == 300)
    }

    @Test func aStreamWithAHoleIsRefused() throws {
        let connection = try connect()
        defer { connection.close() }
        try append(1..<6, to: "s", on: connection)
        try connection.script("DELETE FROM events WHERE version = 3")
        #expect(throws: StreamHole.self) { try tallies.load([key("s")], on: connection) }
    }
}
