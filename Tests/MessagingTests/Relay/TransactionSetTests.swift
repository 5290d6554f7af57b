import Postgres
import Randomness
import Testing

@testable import Messaging

/// Snapshots as sets of transactions, compared with sets.
@Suite struct TransactionSetTests {
    private static let limit: UInt64 = 60

    private func random(_ generator: inout SeededGenerator) -> (TransactionSet, Set<UInt64>) {
        let ceiling = UInt64.random(in: 1...40, using: &generator)
        let open = Set(
            (0..<Int.random(in: 0...6, using: &generator)).map { _ in UInt64.random(in: 0..<ceiling, using: &generator)
            })
        let floor = open.min() ?? ceiling
        let text = "\(floor):\(ceiling):" + open.sorted().map { "\($0)" }.joined(separator: ",")
        return (TransactionSet(text)!, Set(0..<ceiling).subtracting(open))
    }

    @Test func generatedSnapshotsAreSets() {
        var generator = SeededGenerator.fromEnvironment()
        for _ in 0..<500 {
            let (one, members) = random(&generator)
            let (other, others) = random(&generator)
            #expect((0..<Self.limit).allSatisfy { one.contains($0) == members.contains($0) }, "\(one)")
            #expect(one.isSubset(of: other) == members.isSubset(of: others), "\(one) in \(other)")
            #expect(TransactionSet(one.description) == one)
            let ids = Set((0..<4).map { _ in UInt64.random(in: 0..<Self.limit, using: &generator) })
            let union = one.union(ids, limit: 100)
            #expect((0..<Self.limit).allSatisfy { union?.contains($0) == members.union(ids).contains($0) })
            #expect(union.flatMap { TransactionSet($0.description) } == union)
        }
    }

    @Test func whatWouldTakeManyWordsIsNotSaid() {
        let set = TransactionSet("10:10:")
        #expect(set?.union([1_000_000_000_000], limit: 1_000) == nil)
        #expect(set?.union([.max], limit: 1_000) == nil)
        #expect(set?.union([1_009], limit: 1_000)?.open.count == 999)
        #expect(set?.union([], limit: 0) == set)
    }

    @Test(arguments: ["", "1:2", "2:1:", "1:2:3", "1:5:0", "1:5:3,2", "1:5:2,", "a:b:", "1:5:2,2", "-1:5:"])
    func whatIsNoSnapshotIsNone(_ text: String) { #expect(TransactionSet(text) == nil) }

    /// Transactions commit in one order and are seen in another; whatever the log has brought, the checkpoint is exactly that.
    @Test func aCheckpointIsWhatTheLogHasBrought() throws {
        var generator = SeededGenerator.fromEnvironment()
        for _ in 0..<200 {
            var open: [UInt64] = [], next: UInt64 = 10
            // In the order of their commits, ours and others'.
            var log: [(id: UInt64, isOurs: Bool)] = []
            var seen: Set<UInt64> = Set(0..<10)
            var published = LogPublished(try #require(TransactionSet("10:10:")))
            var brought: Set<UInt64> = [], read = 0
            for _ in 0..<120 {
                switch Int.random(in: 0..<6, using: &generator) {
                case 0, 1:
                    open.append(next)
                    next += 1
                case 2:
                    guard let id = open.randomElement(using: &generator) else { continue }
                    log.append((id, Bool.random(using: &generator)))
                    open.removeAll { $0 == id }
                case 3:
                    // Seen some time after the commit record.
                    guard let id = log.map(\.id).filter({ !seen.contains($0) }).randomElement(using: &generator) else {
                        continue
                    }
                    seen.insert(id)
                case 4:
                    let hidden = (10..<next).filter { !seen.contains($0) }
                    let text = "\(hidden.first ?? next):\(next):" + hidden.map { "\($0)" }.joined(separator: ",")
                    if !published.isExpecting {
                        published.expect(try #require(TransactionSet(text)), at: LogPosition(UInt64(log.count)))
                    }
                default:
                    guard read < log.count else { continue }
                    let (id, isOurs) = log[read]
                    read += 1
                    if isOurs {
                        brought.insert(id)
                        #expect(!published.contains(id))
                        published.note(try page([id]))
                    }
                    _ = published.reach(LogPosition(UInt64(read)))
                }
                let checkpoint = try #require(published.checkpoint(published: 1))
                let stored = try #require(TransactionSet(checkpoint.seen))
                for id in 10..<next where log.contains(where: { $0.id == id && $0.isOurs }) {
                    #expect(stored.contains(id) == brought.contains(id))
                }
                for id in open { #expect(!stored.contains(id)) }
            }
        }
    }

    private func page(_ ids: [UInt64]) throws -> RelayLogReader.Page {
        RelayLogReader.Page(rows: try RowsBuilder(columns: [], source: "test").take(), transactions: ids, end: .zero)
    }
}
