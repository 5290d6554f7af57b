import Randomness
import Testing

@testable import Postgres

/// The messages of the log, byte by byte: from a server, made up, cut short, and anything at all.
@Suite struct LogicalMessageTests {
    /// As PostgreSQL 15 has sent them for `CREATE TABLE t (a int, b text); INSERT INTO t VALUES (7, 'x')`, values in binary.
    private static let relation: [UInt8] =
        [0x52, 0, 0, 0x40, 0x0A] + Array("public\0t\0".utf8) + [0x64, 0, 2] + [0] + Array("a\0".utf8)
        + [0, 0, 0, 23, 0xFF, 0xFF, 0xFF, 0xFF] + [0] + Array("b\0".utf8) + [0, 0, 0, 25, 0xFF, 0xFF, 0xFF, 0xFF]
    private static let insert: [UInt8] =
        [0x49, 0, 0, 0x40, 0x0A, 0x4E, 0, 2, 0x62, 0, 0, 0, 4, 0, 0, 0, 7, 0x62, 0, 0, 0, 1, 0x78]
    private static let begin: [UInt8] =
        [0x42, 0, 0, 0, 0, 1, 0x52, 0xB8, 0x90] + Array(repeating: 0, count: 8) + [0, 0, 2, 0xD6]
    private static let commit: [UInt8] =
        [0x43, 0] + [0, 0, 0, 0, 1, 0x52, 0xB8, 0x90] + [0, 0, 0, 1, 1, 0x52, 0xB8, 0xC0]
        + Array(repeating: 0, count: 8)

    private func read<R>(_ bytes: [UInt8], _ body: (LogicalMessage) throws -> R) throws -> R {
        try bytes.withUnsafeBytes { try body(try LogicalMessage($0)) }
    }

    @Test func transactionsHaveBeginningsAndEnds() throws {
        try read(Self.begin) { message in
            guard case .begin(let commit, let transaction) = message else { throw MalformedMessage("no beginning") }
            #expect(commit == LogPosition("0/152B890") && transaction == 726)
        }
        try read(Self.commit) { message in
            guard case .commit(let end) = message else { throw MalformedMessage("no end") }
            #expect(end == LogPosition("1/152B8C0"))
        }
    }

    @Test func rowsHaveTheirTablesColumns() throws {
        try read(Self.relation) { message in
            guard case .relation(let relation) = message else { throw MalformedMessage("no relation") }
            #expect(relation.id == 16_394 && relation.schema == "public" && relation.name == "t")
            #expect(relation.columns == [.init(name: "a", type: 23), .init(name: "b", type: 25)])
        }
        try read(Self.insert) { message in
            guard case .insert(16_394, let tuple) = message, case .binary(let a) = tuple.values[0],
                case .binary(let b) = tuple.values[1]
            else { throw MalformedMessage("no row") }
            #expect(Array(a) == [0, 0, 0, 7] && Array(b) == [0x78])
        }
    }

    @Test func whatIsCutShortIsRefused() {
        for message in [Self.relation, Self.insert, Self.begin, Self.commit] {
            for length in 0..<message.count {
                #expect(throws: MalformedMessage.self) { try read(Array(message.prefix(length))) { _ in } }
            }
            #expect(throws: MalformedMessage.self) { try read(message + [0]) { _ in } }
        }
    }

    /// Neither a trap nor a read beyond the end, nor memory for what is only claimed.
    @Test func anyBytesAreReadOrRefused() {
        var generator = SeededGenerator.fromEnvironment()
        let kinds = [UInt8](arrayLiteral: 0x42, 0x43, 0x52, 0x49, 0x59, 0x4F, 0x54, 0x4D, 0x55, 0x44)
        var refused = 0
        for _ in 0..<5_000 {
            var bytes: [UInt8]
            if Bool.random(using: &generator) {
                bytes = [Self.relation, Self.insert, Self.begin, Self.commit].randomElement(using: &generator) ?? []
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
                        in: .min ... .max, using: &generator)
                }
            } else {
                bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                    .random(in: .min ... .max, using: &generator)
                }
                if !bytes.isEmpty { bytes[0] = kinds.randomElement(using: &generator) ?? 0 }
            }
            do { try read(bytes) { _ in } } catch { refused += 1 }
            do { _ = try bytes.withUnsafeBytes { try ReplicationFrame($0) } } catch {}
        }
        #expect(refused > 0)
    }

    @Test func framesAreDataOrSignsOfLife() throws {
        let end: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 9]
        let keepalive = [UInt8(ascii: "k")] + end + Array(repeating: 0, count: 8) + [1]
        try keepalive.withUnsafeBytes { bytes in
            guard case .keepalive(let end, true) = try ReplicationFrame(bytes) else { throw MalformedMessage("other") }
            #expect(end.description == "2/9")
        }
        let data = [UInt8(ascii: "w")] + Array(repeating: 0, count: 24) + Self.insert
        try data.withUnsafeBytes { bytes in
            guard case .data(let data) = try ReplicationFrame(bytes) else { throw MalformedMessage("other") }
            #expect(Array(data) == Self.insert)
        }
        let status = ReplicationFrame.status(
            received: LogPosition(7), confirmed: LogPosition(5), at: 1, wantsReply: true)
        #expect(
            status == [0x72] + [0, 0, 0, 0, 0, 0, 0, 7] + [0, 0, 0, 0, 0, 0, 0, 5] + [0, 0, 0, 0, 0, 0, 0, 5]
                + [0, 0, 0, 0, 0, 0, 0, 1] + [1])
    }

    @Test(arguments: ["0/0", "0/152B890", "FFFFFFFF/FFFFFFFF"]) func positionsAreTextAndBack(_ text: String) {
        #expect(LogPosition(text)?.description == text)
    }

    @Test(arguments: ["", "/", "1", "1/2/3", "+1/2", "-1/2", "100000000/0", "g/0", " 1/0"])
    func whatIsNoPositionIsNone(_ text: String) { #expect(LogPosition(text) == nil) }
}
