import Foundation
import Kafka
import TestServers
import Testing

@testable import Messaging

/// A stranger's records under the keys of others: dead letters that hold up nothing.
@Suite(.servers) struct ForgedRecordTests {
    private static let source = "/notary"
    private static let decision = DeadLetterQueue.Decision(by: .mo, note: "in a test")

    private static func signatures(secret: UInt8 = 1) throws -> Signatures {
        let secret = Data([UInt8](repeating: secret, count: SourceKeys.secretSize)).base64EncodedString()
        return Signatures(
            keys: [source: try SourceKeys(lines: "k \(secret)")],
            check: Signatures.Check(says: [source: ["Noted"]], unsignedBefore: [:]))
    }

    private static func reader(_ signatures: Signatures?) -> RecordReader {
        RecordReader(types: Ledger().types, signatures: signatures) { _ in nil }
    }

    private func publish(
        _ key: String, _ payload: String, id: String, signedBy signatures: Signatures?, to fixture: ConsumerFixture
    ) throws {
        let headers = [("ce_source", Self.source), ("ce_type", "Noted"), ("ce_id", id)]
        var message = OutgoingMessage(
            topic: fixture.topic.name, key: Array(key.utf8),
            value: Array(#"{"type":"Noted","version":1,"payload":\#(payload)}"#.utf8),
            headers: KafkaHeaders(headers.map { KafkaHeader($0.0, Array($0.1.utf8)) }))
        signatures?.sign(&message)
        for result in try fixture.producer.publish([message], timeout: .seconds(20)) { _ = try result.get() }
    }

    private func letters(_ fixture: ConsumerFixture) throws -> [DeadLetterQueue.Entry] {
        try DeadLetterQueue.list(.init(includesParked: true, includesEnded: true), on: fixture.connect()).reversed()
    }

    private func release(_ fixture: ConsumerFixture, by signatures: Signatures?) throws {
        let batch = RedeliveryBatch(
            group: fixture.group, handler: fixture.ledger, reader: Self.reader(signatures), usesInbox: true,
            traces: nil)
        let connection = try fixture.connect()
        var outcome: RedeliveryBatch.Outcome?
        repeat {
            outcome = try connection.transaction { try batch.run(limit: 500, bytes: 16 << 20, on: $0) }
        } while outcome != nil
    }

    @Test func aForgedRecordHoldsUpNothing() throws {
        let fixture = try ConsumerFixture()
        let signatures = try Self.signatures()
        try publish("o-1", #"{"n":0}"#, id: "a", signedBy: nil, to: fixture)
        try publish("o-1", #"{"n":1}"#, id: "a", signedBy: try Self.signatures(secret: 2), to: fixture)
        try publish("o-1", "{", id: "a", signedBy: nil, to: fixture)
        try publish("o-1", #"{"n":2}"#, id: "a", signedBy: signatures, to: fixture)
        try publish("o-1", #"{"n":3}"#, id: "b", signedBy: signatures, to: fixture)
        let (transaction, records) = try fixture.batch(count: 5, by: Self.reader(signatures))
        let connection = try fixture.connect()
        let result = try transaction.run(records[...], giveUp: nil, on: connection)
        #expect(result.deadLettered == 3 && result.parked == 0 && result.handled == 2)
        #expect(try fixture.notes("o-1") == [#"{"n":2}"#, #"{"n":3}"#])

        // The key can be read; it isn't what the letters go by, and their copies neither.
        let letters = try letters(fixture)
        #expect(letters.count == 3)
        #expect(letters.allSatisfy { $0.isForged && $0.status == "dead" && $0.parkedBehind == 0 })
        #expect(Set(letters.map(\.key)).count == 3)
        let copies = try connection.query(
            "SELECT key, metadata->>'orderflow_key' FROM outbox WHERE topic LIKE '%.dlt' ORDER BY position")
        #expect(try copies.map { try $0.get(0, as: String.self) } == letters.map(\.key))
        #expect(try copies.map { try $0.get(1, as: String?.self) } == ["o-1", "o-1", "o-1"])

        // Given up, its name is nobody's: the real event of that name is let in wherever it comes.
        try connection.script("DELETE FROM inbox; DELETE FROM notes; DELETE FROM consumer_offsets")
        for letter in letters { try DeadLetterQueue.decide(.discard, letter.id, Self.decision, on: connection) }
        let again = try transaction.run(records[...], giveUp: nil, on: connection)
        #expect(again.deadLettered == 0 && again.handled == 2)
        #expect(try fixture.notes("o-1").count == 2)
    }

    /// Such as when a reader hadn't been given a new key yet.
    @Test func oneThatIsBelievedLaterIsHandledByARetryAndBehindNoOther() throws {
        let fixture = try ConsumerFixture()
        let signatures = try Self.signatures()
        try publish("o-1", #"{"n":0}"#, id: "a", signedBy: signatures, to: fixture)
        try publish("o-1", #"{"rejected":true}"#, id: "b", signedBy: nil, to: fixture)
        let (transaction, records) = try fixture.batch(count: 2, by: Self.reader(try Self.signatures(secret: 2)))
        let connection = try fixture.connect()
        _ = try transaction.run(records[...], giveUp: nil, on: connection)
        let letter = try #require(try letters(fixture).first)

        // Still not believed: dead as before, and nothing else.
        try DeadLetterQueue.decide(.retry, letter.id, Self.decision, on: connection)
        try release(fixture, by: Self.signatures(secret: 2))
        #expect(try DeadLetterQueue.show(letter.id, on: connection).status == "dead")

        // Believed, while a letter of its key waits for a decision.
        try publish("o-1", #"{"fails":true}"#, id: "c", signedBy: signatures, to: fixture)
        let (_, more) = try fixture.batch(count: 3, by: Self.reader(signatures))
        _ = try transaction.run(more[2...], giveUp: .init(error: "broken", attempts: 3), on: connection)
        let other = try #require(try letters(fixture).first { !$0.isForged })
        try DeadLetterQueue.decide(.retry, letter.id, Self.decision, on: connection)
        try release(fixture, by: signatures)
        let waiting = try DeadLetterQueue.show(letter.id, on: connection)
        #expect(waiting.status == "dead" && waiting.error.contains("letter \(other.id) of the same key comes first"))
        try DeadLetterQueue.decide(.discard, other.id, Self.decision, on: connection)
        try DeadLetterQueue.decide(.retry, letter.id, Self.decision, on: connection)
        try release(fixture, by: signatures)
        #expect(try DeadLetterQueue.show(letter.id, on: connection).status == "handled")
        #expect(try fixture.notes("o-1") == [#"{"n":0}"#])
    }

    /// One from before there was a difference.
    @Test func oneThatHoldsUpItsKeyIsTakenOutOfIt() throws {
        let box = try LetterBox()
        try box.fill(["o-1"], behind: 2)
        let source = #"{"ce_source": "/notary"}"#
        try box.connection.script("UPDATE dead_letters SET headers = '\(source)' WHERE status = 'dead'")
        let head = try box.connection.query("SELECT min(id) FROM dead_letters").one().get(0, as: Int64.self)
        try DeadLetterQueue.decide(.retry, head, Self.decision, on: box.connection)
        // What waits is from before signing began.
        let signatures = Signatures(
            keys: [:],
            check: Signatures.Check(says: [:], unsignedBefore: [TopicPartition(topic: "facts", partition: 0): 9]))
        let notary = Signatures(keys: [:], check: Signatures.Check(says: [Self.source: []], unsignedBefore: [:]))
        let batch = RedeliveryBatch(
            group: box.group, handler: box.ledger, reader: Self.reader(notary), usesInbox: true,
            traces: nil)
        _ = try box.connection.transaction { try batch.run(limit: 1, bytes: 16 << 20, on: $0) }
        let letter = try DeadLetterQueue.show(head, on: box.connection)
        #expect(letter.isForged && letter.status == "dead" && letter.parkedBehind == 0)
        #expect(try box.statuses("o-1") == ["retry", "parked"])
        let rest = RedeliveryBatch(
            group: box.group, handler: box.ledger, reader: Self.reader(signatures), usesInbox: true,
            traces: nil)
        for _ in 0..<2 {
            _ = try box.connection.transaction { try rest.run(limit: 500, bytes: 16 << 20, on: $0) }
        }
        #expect(try box.statuses("o-1") == ["handled", "handled"])
        #expect(try box.miscounted() == [])
        #expect(try box.count("parked_keys") == 1)
    }
}
