import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// A row from the log is the row that a window has, column by column and byte by byte.
@Suite(.blocking, .servers) struct LoggedRowsTests {
    private static let outbox = """
        INSERT INTO outbox (topic, key, type, schema_version, data, metadata, raw, content_type) VALUES
            ('t', 'k', 'Happened', 3, '{"a" : 1.50 ,"ż":"\\u0000"}', '{"id":"1"}', NULL, NULL),
            ('t', '', 'Proto', 1, NULL, '{}', '\\x00ff5c', 'application/protobuf'),
            ('d', 'letter', '', 0, NULL, '{}', '\\x', NULL)
        """
    private static let events = """
        INSERT INTO events (tenant, stream_id, version, category, type, schema_version, data, metadata, raw, content_type)
        VALUES
            ('a', 'order:1', 1, 'order', 'OrderCreated', 1, '{"x":[1, 2]}', '{"id":"1"}', NULL, NULL),
            ('a', '1', 2, 'order', 'OrderConfirmed', 2, '{}', '{"id":"2"}', NULL, NULL),
            ('a', 'orderly', 3, 'order', 'Odd', 1, '{}', '{}', NULL, NULL),
            ('a', 'order:', 4, 'order', 'Odd', 1, NULL, '{}', '\\x01', 'application/avro'),
            ('a', 'użytkownik:ż', 5, 'użytkownik', 'Odd', 1, '{}', '{}', NULL, NULL),
            ('a', '', 6, '', 'Odd', 1, '{}', '{}', NULL, NULL)
        """

    @Test(arguments: [("outbox", outbox), ("events", events)])
    func rowsAreTheSameBothWays(_ name: String, _ insert: String) throws {
        let source: RelaySource = name == "outbox" ? .outbox : .eventStore(topics: ["order": "t"])
        let database = try PostgresConfiguration(try LogServer.shared.get().createDatabase())
        let connection = try Connection(database, logger: quiet)
        try connection.script(EventStoreSchema.events + EventStoreSchema.contentTypes + MessagingSchema.v1)
        #expect(try RelaySlots.prepare(on: connection).map(\.name) == ["outbox", "events"])
        try RelaySlots.make(for: source, in: database, within: .seconds(20), until: StopSignal(), logger: quiet)
        try connection.script(insert)
        let checkpoint = try RelayCheckpointStore.load(source.name, on: connection)
        var window = RelayWindow(source: source, pageSize: 100)
        let read = try window.nextPage(after: checkpoint, on: connection).rows

        let session = try ReplicationConnection(database, logger: quiet)
        let reader = RelayLogReader(session, of: source)
        let slot = try #require(try SlotSight(of: source, on: connection).slot)
        try session.start(slot: slot, publication: source.publication)
        var logged: [Row] = []
        try eventually("the rows come") {
            let page = try reader.nextPage(rows: 2, passingOver: { _ in false })
            logged += page.map { Array($0.rows) } ?? []
            return logged.count >= read.count
        }
        session.close()
        #expect(logged.count == read.count)
        for (one, other) in zip(read, logged) {
            // The window's last column is its snapshot.
            for column in 0..<10 {
                #expect(one.isNull(column) == other.isNull(column), "column \(column)")
                guard !one.isNull(column) else { continue }
                let bytes = try one.withBytes(column) { Array($0) }
                #expect(try bytes == other.withBytes(column) { Array($0) }, "column \(column)")
            }
        }
        var encoder = RelayEncoder(source: source, signatures: nil)
        #expect(try encoder.records(read).count == read.count - (name == "events" ? 2 : 0))
    }
}
