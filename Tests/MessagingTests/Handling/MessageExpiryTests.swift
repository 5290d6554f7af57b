import Postgres
import TestServers
import Testing

@testable import Messaging

/// A command is done or refused, once, whatever the clocks say.
@Suite(.servers) struct MessageExpiryTests {
    private let connection: Connection

    init() throws {
        connection = try Connection(
            PostgresConfiguration(PostgresServer.shared.get().createDatabase()), logger: quiet)
        try connection.script(MessagingSchema.consumer + "CREATE TABLE done (id text)")
    }

    private struct Doer: BatchHandler {
        var types: Set<String> = ["Do", "Happened"]
        var judgesExpiry = false

        func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
            for message in messages {
                let word = message.refusal == nil ? message.id : "refused \(message.id)"
                _ = try connection.execute("INSERT INTO done VALUES ($1)", [.text(word)])
                if let refusal = message.refusal { outbox.append(refusal.answer) }
            }
        }
    }

    /// Half a second of skew; of the types, only `Do` expires.
    private static let expiry = MessageExpiry(skew: .milliseconds(500)) { message in
        guard message.type == "Do" else { return nil }
        return {
            guard message.id != "punctual" else { throw MessageRejected("an answer that nobody needs") }
            return OutgoingEvent(
                topic: "answers", key: message.key, type: "TooLate", payload: [],
                metadata: message.effectMetadata(id: message.id, source: "/test", time: 0))
        }
    }

    private func message(_ id: String, _ type: String = "Do", expiresAt: Int64?) -> InboundMessage {
        InboundMessage(
            id: id, type: type, schemaVersion: 1, payload: [], key: "k", tenant: "default", correlationID: "c",
            traceparent: nil, time: 0, streamVersion: nil, source: .init(topic: "t", partition: 0, offset: 0),
            expiresAt: expiresAt)
    }

    /// Returns the ids that were answered as too late.
    private func handle(
        _ messages: InboundMessage..., by handler: Doer = Doer(), claiming: Bool = false, at now: Int64
    ) throws -> [String] {
        try connection.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try Self.expiry.handle(
                messages, by: handler, claimingFor: claiming ? "g" : nil, on: connection, at: now, outbox: &outbox)
            return outbox.map(\.metadata.id)
        }
    }

    private func done() throws -> [String] {
        try connection.query("SELECT id FROM done ORDER BY id").map { try $0.get(0, as: String.self) }
    }

    @Test func whatComesTooLateIsAnsweredAndNotDone() throws {
        let late = try handle(
            message("a", expiresAt: 1_000_000), message("b", expiresAt: nil), message("c", expiresAt: 1_400_000),
            message("d", expiresAt: 1_500_000), message("e", "Happened", expiresAt: 0), at: 1_900_001)
        // What is late by less than the skew may be in time by another clock; a fact stays true.
        #expect(late == ["a", "c"])
        #expect(try done() == ["b", "d", "e"])
    }

    /// Where no inbox tells of copies, those that may expire have one.
    @Test func oneCommandIsDoneOrRefusedByWhateverClock() throws {
        let (a, b) = (message("a", expiresAt: 1_000_000), message("b", expiresAt: 1_000_000))
        #expect(try handle(a, claiming: true, at: 3_600_000_000) == ["a"])
        #expect(try handle(a, b, claiming: true, at: 0).isEmpty)
        #expect(try handle(a, b, claiming: true, at: 3_600_000_000).isEmpty)
        #expect(try done() == ["b"])
        // What is in time is remembered, and no answer to it is made.
        #expect(try handle(message("punctual", expiresAt: 1_000_000), claiming: true, at: 0).isEmpty)
        // Others have none.
        #expect(try connection.query("SELECT FROM inbox").count == 3)
        _ = try handle(message("f", "Happened", expiresAt: 1), message("g", expiresAt: nil), claiming: true, at: 0)
        #expect(try connection.query("SELECT FROM inbox").count == 3)
    }

    @Test func whoJudgesIsToldWhatToSay() throws {
        let judge = Doer(judgesExpiry: true)
        #expect(
            try handle(message("a", expiresAt: 0), message("b", expiresAt: 2_000_000), by: judge, at: 1_000_000) == [
                "a"
            ])
        #expect(try done() == ["b", "refused a"])
    }
}
