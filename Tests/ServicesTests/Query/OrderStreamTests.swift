import JSON
import TestServers
import Testing

@testable import Services

@Suite(.blocking) struct OrderStreamTests {
    /// The next event, by its lines.
    private func event(_ client: WireClient) throws -> (id: String?, name: String?, data: JSONValue) {
        var fields: [String: String] = [:]
        for line in try client.receive(until: "\n\n").split(separator: "\n") {
            let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        return (fields["id"], fields["event"], try JSONValue(parsing: fields["data"] ?? "null"))
    }

    private func open(_ side: ReadSide, _ headers: [String: String] = [:]) throws -> WireClient {
        let client = try side.client()
        try client.get("/orders/o-1/stream", headers)
        let head = try client.receive(until: "\r\n\r\n")
        #expect(head.contains("200") && head.contains("text/event-stream"))
        return client
    }

    @Test func changesAreStreamedAndResumed() async throws {
        try await ReadSide.run { side in
            try side.project([created()])
            var client: WireClient? = try open(side)
            let first = try event(client!)
            #expect(first.id == "1.1" && first.name == "order" && first.data["status"] == "pending")
            try side.project([confirmed()])
            let second = try event(client!)
            #expect(second.id == "2.2" && second.data["status"] == "confirmed")
            client = nil
            try eventually("the stream is gone") { side.watch.census.streams == 0 }

            // Nothing has happened since; the next thing that comes is the next thing that happens.
            let back = try open(side, ["Last-Event-ID": "2.2"])
            try eventually("the stream is there") { side.watch.census.streams == 1 }
            try side.project([created("o-2"), heard(.shipmentCreated(shipmentID: "s-1"), at: 2_100_000)])
            #expect(try event(back).id == "2.3")

            // Something has happened since.
            let late = try open(side, ["Last-Event-ID": "2.2"])
            #expect(try event(late).id == "2.3")
        }
    }

    @Test func aStreamMayComeBeforeItsOrder() async throws {
        try await ReadSide.run { side in
            let client = try side.client()
            try client.get("/orders/o-1/stream")
            try eventually("the request waits") { side.watch.census.waits == 1 }
            try side.project([created()])
            _ = try client.receive(until: "\r\n\r\n")
            #expect(try event(client).id == "1.1")
        }
    }

    @Test func streamsAreBounded() async throws {
        var limits = OrderWatch.Limits()
        limits.streams = 1
        try await ReadSide.run(limits: limits) { side in
            try side.project([created()])
            let first = try open(side)
            _ = try event(first)
            let second = try side.get("/orders/o-1/stream")
            #expect(second.status == 503 && second.header("Retry-After") != nil)
            #expect(side.watch.census.refused == 1)
            // The first one isn't harmed.
            try side.project([confirmed()])
            #expect(try event(first).id == "2.2")
        }
    }
}
