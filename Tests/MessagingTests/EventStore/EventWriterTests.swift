import Testing

@testable import Messaging

@Suite struct EventWriterTests {
    fileprivate static func append(of count: Int, at version: Int = 0) -> StreamAppend {
        StreamAppend(
            tenant: "default", streamID: "s", category: "test", expectedVersion: version,
            events: (0..<count).map {
                NewEvent(
                    type: "Happened", data: Array("{}".utf8),
                    metadata: EventMetadata(id: "\($0)", source: "/test", time: 0, correlationID: "c"))
            })
    }

    /// The second event could be written where the first has lost its version: a stream that nobody decided on.
    @Test func anAppendOfSeveralEventsIsNotTaken() async {
        await #expect(processExitsWith: .failure) {
            _ = EventWriter.Request(append: EventWriterTests.append(of: 2)) { _ in }
        }
        await #expect(processExitsWith: .failure) { _ = EventWriterTests.append(of: 0) }
        await #expect(processExitsWith: .failure) { _ = EventWriterTests.append(of: 1, at: -1) }
        _ = EventWriter.Request(append: Self.append(of: 1)) { _ in }
    }
}
