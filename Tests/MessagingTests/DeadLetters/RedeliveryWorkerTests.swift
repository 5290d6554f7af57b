import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// The worker that handles dead letters again, without a consumer beside it.
@Suite(.blocking, .servers) struct RedeliveryWorkerTests {
    private static let decision = DeadLetterQueue.Decision(by: .mo, note: "in a test")

    /// Runs `body` beside workers of the box's group, and waits for their end. `commits` counts what they report.
    private func working(
        _ box: LetterBox, workers: Int = 1, commits: Monitor<Int> = Monitor(0), _ body: () throws -> Void
    ) throws {
        let stop = StopSignal()
        let threads = (0..<workers).map { _ in
            let worker = RedeliveryWorker(
                group: box.group, handler: box.ledger, reader: RecordReader(types: box.ledger.types) { _ in nil },
                database: box.database, logger: quiet, onCommit: { commits.update { $0 += 1 } })
            return Companion { worker.run(until: stop) }
        }
        let result = Result { try body() }
        stop.stop()
        for thread in threads { try thread.value() }
        try result.get()
    }

    private func head(_ key: String, in box: LetterBox) throws -> Int64 {
        try box.connection.query("SELECT min(id) FROM dead_letters WHERE key = $1", [.text(key)]).one().get(0)
    }

    private func retry(_ key: String, in box: LetterBox) throws {
        try DeadLetterQueue.decide(.retry, head(key, in: box), Self.decision, on: box.connection)
    }

    @Test func aRetryReleasesItsKeyInOrderAndNoOther() throws {
        let box = try LetterBox()
        try box.fill(["a", "b"], behind: 3)
        let commits = Monitor(0)
        try working(box, commits: commits) {
            try retry("a", in: box)
            try eventually("the key is through") { try box.statuses("a").allSatisfy { $0 == "handled" } }
        }
        #expect(try box.notes() == ["a": ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]])
        #expect(try box.statuses("b") == ["dead", "parked", "parked", "parked"])
        #expect(try box.count("parked_keys") == 1)
        #expect(commits.withLock { $0 } > 0, "the relay is woken")
    }

    @Test func aRetryInVainLeavesTheLetterInFront() throws {
        let box = try LetterBox()
        try box.fill(["a"], behind: 1, payload: "'{\"fails\":' || n || '}'")
        try working(box) {
            try retry("a", in: box)
            try eventually("it was tried") {
                try box.count("dead_letters WHERE attempts = 1 AND status = 'dead'") == 1
            }
            #expect(try box.statuses("a") == ["dead", "parked"])
            box.ledger.isHealed.update { $0 = true }
            try retry("a", in: box)
            try eventually("the key is through") { try box.statuses("a") == ["handled", "handled"] }
        }
        #expect(try box.notes()["a"]?.count == 2)
        #expect(try box.miscounted() == [])
    }

    @Test func severalWorkersHandleEachLetterOnce() throws {
        let box = try LetterBox()
        let keys = (0..<40).map { "k\($0)" }
        try box.fill(keys, behind: 2)
        try working(box, workers: 3) {
            var sweep = try DeadLetterQueue.Sweep(.retry, .init(group: box.group), Self.decision, on: box.connection)
            while try sweep.next(on: box.connection) != nil {}
            try eventually("all are through") { try box.count("dead_letters WHERE status <> 'handled'") == 0 }
        }
        let notes = try box.notes()
        #expect(notes.count == keys.count)
        #expect(notes.values.allSatisfy { $0 == ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}"] })
    }

    /// The server ends the worker's session while nothing is to do.
    @Test func aLostConnectionIsMadeAgain() throws {
        let box = try LetterBox()
        try box.fill(["a"], behind: 0)
        let others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        try working(box) {
            try eventually("the worker has a session") { try box.count(others) == 1 }
            _ = try box.connection.query("SELECT pg_terminate_backend(pid) FROM \(others)")
            try retry("a", in: box)
            try eventually("it is handled") { try box.statuses("a") == ["handled"] }
        }
    }

    /// A message that comes again after a week is caught by its handler's own keys.
    @Test func theInboxForgetsAfterAWeek() throws {
        let box = try LetterBox()
        try box.connection.script(
            """
            INSERT INTO inbox (consumer_group, message_id, received_at)
            VALUES ('group', 'old', now() - interval '8 days'), ('group', 'new', now() - interval '6 days')
            """)
        try working(box) {
            try eventually("the old one is gone") { try box.count("inbox WHERE message_id = 'old'") == 0 }
        }
        #expect(try box.count("inbox WHERE message_id = 'new'") == 1)
    }
}
