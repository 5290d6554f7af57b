import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

@Suite(.blocking, .servers) struct EventPageTests {
    /// Pages of any size put together are the whole stream, once.
    @Test func pagesAreTheWholeStream() throws {
        var random = SeededGenerator.fromEnvironment()
        let configuration = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
        let connection = try Connection(configuration, logger: quiet)
        defer { connection.close() }
        try connection.script(EventStoreSchema.events + EventStoreSchema.contentTypes)
        let events = (1...30).map { number in
            let padding = String(repeating: "x", count: Int.random(in: 0...2_000, using: &random))
            return NewEvent(
                type: "Counted", data: Array("{\"n\":\(number),\"padding\":\"\(padding)\"}".utf8),
                metadata: EventMetadata(id: "event-\(number)", source: "/test", time: 0, correlationID: "c"))
        }
        _ = try connection.transaction { connection in
            try EventStore.append(
                [
                    StreamAppend(
                        tenant: "default", streamID: "s", category: "order", expectedVersion: 0, events: events)
                ], on: connection)
        }
        func page(_ stream: String, after version: Int, limit: Int, bytes: Int) throws -> (
            events: [StoredEvent], version: Int
        ) {
            try EventStore.page(
                tenant: "default", streamID: stream, categories: ["order"], after: version, limit: limit, bytes: bytes,
                on: connection)
        }
        for _ in 0..<10 {
            var seen: [Int] = []
            while (seen.last ?? 0) < 30 {
                let last = seen.last ?? 0
                let (limit, bytes) = (
                    Int.random(in: 1...12, using: &random), Int.random(in: 1...9_000, using: &random)
                )
                let (events, version) = try page("s", after: last, limit: limit, bytes: bytes)
                #expect(version == 30 && !events.isEmpty && events.count <= limit)
                // Only the last one may go beyond.
                #expect(events.dropLast().reduce(0) { $0 + $1.data.count } < bytes)
                guard !events.isEmpty else { break }
                seen += events.map(\.version)
            }
            #expect(seen == Array(1...30), "seed \(random.seed)")
        }
        #expect(try page("s", after: 30, limit: 5, bytes: 100).events.isEmpty)
        #expect(try page("none", after: 0, limit: 5, bytes: 100).version == 0)
    }
}
