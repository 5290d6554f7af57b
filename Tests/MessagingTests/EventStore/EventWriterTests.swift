import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

@Suite(.blocking, .servers) struct EventWriterTests {
    fileprivate static func append(
        of count: Int, at version: Int = 0, to id: String = "s", _ priority: Priority = .ordinary
    ) -> StreamAppend {
        StreamAppend(
            tenant: "default", streamID: id, category: "test", expectedVersion: version,
            events: (0..<count).map {
                NewEvent(
                    type: "Happened", data: Array("{}".utf8),
                    metadata: EventMetadata(
                        id: "\(id)-\($0)", source: "/test", time: 0, correlationID: "c", priority: priority))
            })
    }

    /// The second event could be written where the first has lost its version: a stream that nobody decided on.
    @Test func anAppendOfSeveralEventsIsNotTaken() async {
        await #expect(processExitsWith: .failure) {
            _ = EventWriter.Request(append: EventWriterTests.append(of: 2)) { _ in }
        }
        await #expect(processExitsWith: .failure) { _ = EventWriterTests.append(of: 0) }
        await #expect(processExitsWith: .failure) { _ = EventWriterTests.append(of: 1, at: -1) }
        _ = EventWriter.Request(append: Self.append(of: 1)) { _ in }
    }

    /// A writer with two connections, and a table that can be held shut.
    private struct Shop {
        let writer: EventWriter
        let connection: Connection
        let stop = StopSignal()
        private let thread: DedicatedThread
        private let answers = Monitor(0)

        init(patience: Duration = .seconds(3_600)) throws {
            let database = try freshDatabase(
                EventStoreSchema.events + EventStoreSchema.contentTypes + EventStoreSchema.express)
            connection = try Connection(database, logger: quiet)
            let writer = EventWriter(database: database, patience: patience, logger: quiet) { _ in }
            self.writer = writer
            thread = DedicatedThread.start("writer") { [stop] in writer.run(until: stop) }
        }

        func submit(_ ids: Range<Int>, _ priority: Priority = .ordinary) {
            for id in ids {
                let append = EventWriterTests.append(of: 1, to: "\(id)", priority)
                let isTaken = writer.submit(
                    EventWriter.Request(append: append) { [answers] outcome in
                        if case .appended = outcome { answers.update { $0 += 1 } }
                    })
                #expect(isTaken)
            }
        }

        /// Waits until so many commits are held up by the table.
        func waitForCommits(_ count: Int64) throws {
            try eventually("\(count) commits are held up") {
                try connection.query(
                    "SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND NOT granted"
                ).one().get(0, as: Int64.self) == count
            }
        }

        /// Runs `body` while the commit of a first request is under way, and no other ends either.
        func committing(_ body: () throws -> Void) throws {
            try connection.transaction { connection in
                _ = try connection.execute("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE")
                submit(0..<1)
                try waitForCommits(1)
                try body()
            }
        }

        /// Waits until all of so many are appended, and returns how many at once, in order.
        func commits(of count: Int) throws -> [Int64] {
            #expect(answers.wait(for: .seconds(20)) { $0 == count ? true : nil } == true)
            return try connection.query("SELECT count(*) FROM events GROUP BY txid ORDER BY txid").map {
                try $0.get(0, as: Int64.self)
            }
        }

        func end() {
            stop.stop()
            thread.join()
            connection.close()
        }
    }

    /// What comes while one commits goes with the next.
    @Test func aFewWaitForTheCommitBeforeThem() throws {
        let shop = try Shop()
        defer { shop.end() }
        try shop.committing {
            shop.submit(1..<7)
        }
        #expect(try shop.commits(of: 7) == [1, 6])
    }

    @Test func manyWaitForNoOtherCommit() throws {
        let shop = try Shop()
        defer { shop.end() }
        try shop.committing {
            shop.submit(1..<9)
            try shop.waitForCommits(2)
        }
        #expect(try shop.commits(of: 9).sorted() == [1, 8])
    }

    @Test func anExpressOneWaitsForNoOtherCommit() throws {
        let shop = try Shop()
        defer { shop.end() }
        try shop.committing {
            shop.submit(1..<2, .express)
            try shop.waitForCommits(2)
        }
        #expect(try shop.commits(of: 2) == [1, 1])
    }

    /// A commit that doesn't end holds nobody up.
    @Test func nobodyWaitsForACommitThatTakesLong() throws {
        let shop = try Shop(patience: .milliseconds(50))
        defer { shop.end() }
        try shop.committing {
            shop.submit(1..<2)
            try shop.waitForCommits(2)
        }
        #expect(try shop.commits(of: 2) == [1, 1])
    }

    /// Whoever stops writes what is left first.
    @Test func aStoppingWriterWritesWhatIsLeft() throws {
        let shop = try Shop()
        try shop.committing {
            shop.submit(1..<4)
            shop.stop.stop()
            try shop.waitForCommits(2)
        }
        #expect(try shop.commits(of: 4).sorted() == [1, 3])
        shop.end()
    }
}
