import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Messages that can't be handled, and what waits behind them.
@Suite(.servers) struct DeadLetterTests {
    @Test func aDeadLetterParksItsKeyAlone() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("bad", "{\"n\":1}")
        try fixture.publish("bad", "{\"fails\":true}")
        try fixture.publish("bad", "{\"n\":2}")
        try fixture.publish("bad", "{\"n\":3}")
        try fixture.publish("good", "{\"n\":4}")
        try eventually("the other key flows on") { try fixture.notes("good").count == 1 }
        let connection = try fixture.connect()
        try eventually("the rest of the key is parked") {
            try DeadLetterQueue.list(.init(group: fixture.group, includesParked: true), on: connection).count == 3
        }
        #expect(try fixture.notes("bad") == ["{\"n\":1}"])
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        #expect(letter.key == "bad")
        #expect(letter.attempts == 3)
        #expect(letter.error.contains("Broken"))
        #expect(letter.parkedBehind == 2)

        // Retried in vain: dead again, still in front.
        try DeadLetterQueue.decide(.retry, letter.id, .init(by: .mo, note: "in a test"), on: connection)
        try eventually("it is dead again") {
            try DeadLetterQueue.show(letter.id, on: connection).status == "dead"
        }
        fixture.ledger.isHealed.update { $0 = true }
        try DeadLetterQueue.decide(.retry, letter.id, .init(by: .mo, note: "in a test"), on: connection)
        try eventually("the key is through") { try fixture.notes("bad").count == 4 }
        #expect(try fixture.notes("bad") == ["{\"n\":1}", "{\"fails\":true}", "{\"n\":2}", "{\"n\":3}"])
        try fixture.publish("bad", "{\"n\":5}")
        try eventually("and flows again") { try fixture.notes("bad").count == 5 }
    }

    /// No broker would take it, and the relay would wait for ever.
    @Test func whatWouldCauseTooLargeARecordIsADeadLetter() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("large", "{\"swells\":true}")
        try fixture.publish("small", "{\"n\":2}")
        try eventually("the other one is handled") { try fixture.notes() == ["{\"n\":2}"] }
        let connection = try fixture.connect()
        try eventually("it is dead") { try !DeadLetterQueue.list(.init(group: fixture.group), on: connection).isEmpty }
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        #expect(letter.error.hasPrefix("Swollen for elsewhere would have 100"))
        #expect(letter.error.hasSuffix(" bytes; a record takes 900000"))
        #expect(letter.attempts == 1)
    }

    @Test func aDiscardedLetterReleasesItsKey() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true}")
        try fixture.publish("bad", "{\"n\":2}")
        let connection = try fixture.connect()
        try eventually("one is dead, one parked") {
            try DeadLetterQueue.list(.init(group: fixture.group, includesParked: true), on: connection).count == 2
        }
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        #expect(letter.attempts == 1, "what says that it can never be handled isn't tried again")
        #expect(letter.error == "it says so")
        try DeadLetterQueue.decide(.discard, letter.id, .init(by: .mo, note: "in a test"), on: connection)
        try eventually("the key flows on") { try fixture.notes("bad") == ["{\"n\":2}"] }
    }

    /// A relay that fell before it had noted what it published brings the same message in another record.
    @Test func aCopyOfADiscardedMessageIsNotHandled() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true}", id: "given-up")
        let connection = try fixture.connect()
        try eventually("it is dead") { try !DeadLetterQueue.list(.init(group: fixture.group), on: connection).isEmpty }
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        try DeadLetterQueue.decide(.discard, letter.id, .init(by: .mo, note: "in a test"), on: connection)
        fixture.ledger.isHealed.update { $0 = true }
        try fixture.publish("bad", "{\"rejected\":true}", id: "given-up")
        try fixture.publish("bad", "{\"n\":2}", id: "next")
        try eventually("the next one is handled") { try !fixture.notes("bad").isEmpty }
        #expect(try fixture.notes("bad") == ["{\"n\":2}"])
    }

    /// After a reset of the offsets, what was decided stays decided, and nothing waits behind it again.
    @Test func aLetterThatIsReadAgainStaysEnded() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true}")
        try fixture.publish("bad", "[no envelope]")
        let connection = try fixture.connect()
        let filter = DeadLetterQueue.Filter(group: fixture.group, includesParked: true)
        for open in [2, 1] {
            try eventually("the letters are there") {
                let letters = try DeadLetterQueue.list(filter, on: connection)
                return letters.count == open && letters.last?.status == "dead"
            }
            let first = try #require(try DeadLetterQueue.list(filter, on: connection).last)
            try DeadLetterQueue.decide(.discard, first.id, .init(by: .mo, note: "in a test"), on: connection)
        }
        fixture.end()
        let moved = try ConsumerProgress.nextOffsets(of: fixture.group, on: connection).mapValues { _ in Int64(0) }
        try connection.transaction { try ConsumerProgress.move(fixture.group, to: moved, on: $0) }
        fixture.start()
        try fixture.publish("bad", "{\"n\":2}")
        try eventually("the key flows") { try fixture.notes("bad") == ["{\"n\":2}"] }
        #expect(try DeadLetterQueue.list(filter, on: connection).isEmpty)
    }

    @Test func oneBadMessageAmongManyIsFound() throws {
        let fixture = try ConsumerFixture()
        for number in 0..<50 {
            try fixture.publish("k\(number)", number == 23 ? "{\"fails\":true}" : "{\"n\":\(number)}")
        }
        fixture.start()
        try eventually("the others are through") { try fixture.notes().count == 49 }
        #expect(try DeadLetterQueue.list(.init(group: fixture.group), on: fixture.connect()).map(\.key) == ["k23"])
    }
}
