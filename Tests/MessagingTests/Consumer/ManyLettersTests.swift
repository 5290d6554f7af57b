import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Many letters, and many messages behind one: looking costs what is shown, releasing and discarding is done in batches.
@Suite(.blocking, .servers) struct ManyLettersTests {
    /// Whatever fails where: of each key all before the first failure is handled, in order, and nothing behind it.
    @Test func aReleaseEndsAtEachKeysFirstFailure() throws {
        var random = SeededGenerator.fromEnvironment("aReleaseEndsAtEachKeysFirstFailure")
        for round in 0..<6 {
            let box = try LetterBox()
            let behind = [0, 3, 40, 700][Int.random(in: 0...3, using: &random)]
            let keys = (0..<[1, 7, 60][Int.random(in: 0...2, using: &random)]).map { "k\($0)" }
            try box.fill(keys, behind: min(behind, 4000 / keys.count))
            // Some numbers of some keys fail, some can never be handled, some aren't even messages.
            for (words, one) in [(#"{"fails":true}"#, 5), (#"{"rejected":true}"#, 9), (#"[]"#, 11)] {
                _ = try box.connection.execute(
                    """
                    UPDATE dead_letters SET value = convert_to('{"type":"Noted","version":1,"payload":' || $1 || '}', 'UTF8')
                    WHERE (id * 7919 + $2) % $3 = 0 AND key <> 'k0'
                    """, [.text(words), .int8(Int64(Int.random(in: 0...100, using: &random))), .int(one * 3)])
            }
            var isBad: [String: [Bool]] = [:]
            for row in try box.connection.query(
                "SELECT key, convert_from(value, 'UTF8') NOT LIKE '%\"n\"%' FROM dead_letters ORDER BY id")
            {
                isBad[try row.get(0, as: String.self), default: []].append(try row.get(1, as: Bool.self))
            }
            let decision = DeadLetterQueue.Decision(by: .mo, note: "")
            var sweep = try DeadLetterQueue.Sweep(.retry, .init(), decision, on: box.connection)
            while try sweep.next(on: box.connection) != nil {}
            try box.release()
            let notes = try box.notes()
            for key in keys {
                let bad = isBad[key] ?? []
                let handled = bad.firstIndex(of: true) ?? bad.count
                #expect(
                    notes[key] ?? [] == (0..<handled).map { "{\"n\":\($0)}" }, "round \(round), seed \(random.seed)")
                let rest = bad.count - handled
                #expect(
                    try box.statuses(key)
                        == Array(repeating: "handled", count: handled)
                        + (rest > 0 ? ["dead"] + Array(repeating: "parked", count: rest - 1) : []))
            }
            #expect(try box.miscounted() == [])
            #expect(try box.count("parked_keys") == keys.count { (isBad[$0] ?? []).contains(true) })

            // Discarding what fails, again and again, lets all the rest through.
            while true {
                var sweep = try DeadLetterQueue.Sweep(.discard, .init(), decision, on: box.connection)
                guard sweep.total > 0 else { break }
                while try sweep.next(on: box.connection) != nil {}
                #expect(try box.miscounted() == [])
                try box.release()
            }
            let after = try box.notes()
            for key in keys {
                let good = (isBad[key] ?? []).enumerated().filter { !$0.element }.map { "{\"n\":\($0.offset)}" }
                #expect(after[key] ?? [] == good, "round \(round), seed \(random.seed)")
            }
            #expect(try box.count("parked_keys") == 0)
        }
    }

    /// Interrupted, it has done what it has; again, it does the rest; what comes meanwhile isn't meant.
    @Test func aSweepIsRepeatable() throws {
        let box = try LetterBox()
        try box.fill((0..<1_800).map { "k\($0)" }, behind: 1)
        let decision = DeadLetterQueue.Decision(by: .mo, note: "a broken producer")
        var first = try DeadLetterQueue.Sweep(.discard, .init(), decision, on: box.connection)
        #expect(first.total == 1_800)
        let done = try #require(try first.next(on: box.connection)).count
        #expect(done > 100 && done < 1_800)
        #expect(try box.count("dead_letters WHERE status = 'discarded' AND decided_by = 'mo'") == done)
        #expect(try box.count("dead_letters WHERE status = 'retry'") == done, "what is behind them is asked for")
        #expect(try box.count("inbox") == done, "copies of them aren't handled")

        var second = try DeadLetterQueue.Sweep(.discard, .init(group: "group"), decision, on: box.connection)
        #expect(second.total == 1_800 - done)
        try box.fill(["later"], behind: 0)
        while try second.next(on: box.connection) != nil {}
        #expect(try box.count("dead_letters WHERE status = 'discarded'") == 1_800)
        #expect(try box.statuses("later") == ["dead"])
        var other = try DeadLetterQueue.Sweep(.discard, .init(group: "other"), decision, on: box.connection)
        #expect(try other.next(on: box.connection) == nil)
        #expect(try box.miscounted() == [])
    }

    @Test func aTenantsLettersAreFoundBehindOthers() throws {
        let box = try LetterBox()
        try box.fill((0..<30).map { "k\($0)" }, behind: 0)
        _ = try box.connection.execute(#"UPDATE dead_letters SET headers = '{"ce_tenant":"acme"}' WHERE key = 'k0'"#)
        func keys(of tenant: String?) throws -> Set<String> {
            Set(try DeadLetterQueue.list(of: tenant, limit: 20, on: box.connection).map(\.key))
        }
        #expect(try keys(of: "acme") == ["k0"])
        #expect(try keys(of: "bolt") == [])
        let standard = try keys(of: TenantName.standard)
        #expect(standard.count == 20 && !standard.contains("k0"))
        #expect(try keys(of: nil).count == 20)
    }

    /// A hundred thousand messages behind one letter, ten thousand behind another, and thousands of letters beside them:
    /// what each look reads, and how fast they are done with.
    @Test func lookingCostsWhatItShows() throws {
        let box = try LetterBox()
        try box.fill(["hot"], behind: 100_000)
        try box.fill(["warm"], behind: 10_000)
        try box.fill((0..<5_000).map { "k\($0)" }, behind: 0)
        func read(_ what: String, atMost limit: Int, _ body: (Connection) throws -> Void) throws {
            try box.connection.transaction { connection in
                // A session reports what it has read about once a second: until then, earlier transactions count too.
                func readSoFar() throws -> Int {
                    try connection.query(
                        """
                        SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint
                        FROM pg_stat_xact_user_tables WHERE relname IN ('dead_letters', 'parked_keys')
                        """
                    ).one().get(0, as: Int.self)
                }
                let before = try readSoFar()
                let started = ContinuousClock.now
                try body(connection)
                let taken = started.duration(to: .now)
                let rows = try readSoFar() - before
                print("\(what): \(rows) rows, \(taken)")
                #expect(rows <= limit, "\(what)")
            }
        }
        try read("a list of 20", atMost: 200) {
            let list = try DeadLetterQueue.list(limit: 20, valueLimit: 0, on: $0)
            #expect(list.count == 20)
        }
        try read("20 letters before the last ones", atMost: 200) {
            let list = try DeadLetterQueue.list(before: 100_020, limit: 20, valueLimit: 0, on: $0)
            #expect(list.last?.key == "hot" && list.last?.parkedBehind == 100_000)
        }
        try read("a list of the parked", atMost: 200) {
            let list = try DeadLetterQueue.list(.init(includesParked: true), limit: 20, on: $0)
            #expect(list.count == 20)
        }
        try read("counts", atMost: 12_000) {
            let count = try DeadLetterQueue.count(group: "group", on: $0)
            #expect(count.dead == 5_002 && count.parked == 110_000)
        }

        func timed(_ what: String, _ count: Int, _ body: () throws -> Void) throws {
            let started = ContinuousClock.now
            try body()
            print("\(what): \(Int(Double(count) / (started.duration(to: .now) / .seconds(1)))) a second")
        }
        let decision = DeadLetterQueue.Decision(by: .mo, note: "")
        let warm = try box.connection.query("SELECT min(id) FROM dead_letters WHERE key = 'warm'")
            .one().get(0, as: Int64.self)
        try DeadLetterQueue.decide(.retry, warm, decision, on: box.connection)
        try timed("released", 10_001) {
            let moved = try box.release(by: BulkLedger())
            #expect(moved == 10_001)
        }
        #expect(try box.count("notes") == 10_001)
        try timed("discarded", 5_001) {
            var sweep = try DeadLetterQueue.Sweep(.discard, .init(), decision, on: box.connection)
            while try sweep.next(on: box.connection) != nil {}
        }
        #expect(try box.count("parked_keys") == 1, "what waits behind the first one is asked for")
        #expect(try box.miscounted() == [])
    }
}
