import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

@Suite(.blocking, .servers) struct RecentRowsTests {
    private struct Row: Equatable {
        let number: Int
        let size: Int
    }

    /// Random rows of random sizes, of few keys and many: what comes out is what went in last, what was taken is gone, and
    /// the rows of the last half of the limit are here, but for those that are as large themselves.
    @Test func rowsOfTheLastHalfAreHere() throws {
        var generator = SeededGenerator.fromEnvironment("rowsOfTheLastHalfAreHere")
        let connection = try Connection(
            PostgresConfiguration(try PostgresServer.shared.get().createDatabase()), logger: quiet)
        defer { connection.close() }
        for round in 0..<TestTier.rounds(50) {
            let limit = [0, 1, 100, 1_000, 100_000].randomElement(using: &generator) ?? 0
            let keys = [3, 50, 1_000].randomElement(using: &generator) ?? 3
            let recent = RecentRows<Int, Row>(limit: limit) { $0.size }
            // A connection that asks is remembered for.
            #expect(recent.take([0], for: connection).isEmpty)
            /// The latest last; nil once it was taken.
            var history: [(key: Int, row: Row?)] = []
            for number in 0..<400 {
                let key = Int.random(in: 0..<keys, using: &generator)
                if Int.random(in: 0..<3, using: &generator) == 0 {
                    let taken = recent.take([key], for: connection)
                    let expected = history.last { $0.key == key }?.row
                    if let row = taken[key] { #expect(row == expected, "round \(round), seed \(generator.seed)") }
                    history.append((key, nil))
                    continue
                }
                let row = Row(number: number, size: Int.random(in: 1...60, using: &generator))
                recent.put([(key, row)], for: connection)
                history.append((key, row))
            }
            var expected: [Int: Row] = [:]
            var seen: Set<Int> = []
            var size = 0
            for (key, row) in history.reversed() {
                // One more may begin the next generation.
                guard size + 60 <= limit / 2 else { break }
                size += row?.size ?? 0
                if seen.insert(key).inserted { expected[key] = row }
            }
            let rest = recent.take(0..<keys, for: connection)
            #expect(rest.values.reduce(0) { $0 + $1.size } <= limit, "round \(round), seed \(generator.seed)")
            for (key, row) in expected {
                #expect(rest[key] == row, "round \(round), limit \(limit), seed \(generator.seed)")
            }
            #expect(recent.count == 0)
        }
    }
}
