import JSON
import Orders
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

@Suite(.blocking, .servers) struct OrderStreamTests {
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

    /// Many may watch one large order: what is read at once has a bound, and everybody is told.
    @Test func looksAreBounded() async throws {
        try await ReadSide.run { side in
            let items = (0..<400).map {
                OrderLine(sku: "article-\($0)-\(String(repeating: "x", count: 60))", quantity: 1)
            }
            try side.project([created(items: items)])
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            let interests = (0..<5).map { _ in
                OrderWatch.Interest(orderID: "o-1", reach: .everything(of: "default"))
            }
            let (one, some) = try OrderViewStore.changed(interests, bytes: 1, on: connection)
            #expect(one.map(\.index) == [0] && !some)
            let (all, isAll) = try OrderViewStore.changed(interests, on: connection)
            #expect(all.map(\.index) == [0, 1, 2, 3, 4] && isAll)
            #expect(try OrderViewStore.changed([], on: connection).isComplete)
            // 150 of 36 kB each are more than one look has.
            let clients = try (0..<150).map { _ in try open(side) }
            for client in clients { #expect(try event(client).id == "1.1") }
        }
    }

    /// Whoever asks for a stream and leaves holds no place, whether the order is there or not.
    @Test func whoLeavesAtOnceHoldsNoPlace() async throws {
        var limits = OrderWatch.Limits()
        limits.waits = 20
        limits.streams = 20
        try await ReadSide.run(limits: limits) { side in
            try side.project([created()])
            for number in 0..<200 {
                try side.client().get(number.isMultiple(of: 2) ? "/orders/o-1/stream" : "/orders/x/stream")
            }
            try eventually("all have come and gone") { side.clients.haveLeft == 200 }
            try eventually("all places are free") { side.watch.census.waits + side.watch.census.streams == 0 }
            let client = try side.client()
            try client.get("/orders/o-2", ["Prefer": "wait=10"])
            try eventually("the request waits") { side.watch.census.waits == 1 }
            try side.project([created("o-2")])
            #expect(try client.answer().status == 200)
            #expect(try event(open(side)).id == "1.1")
        }
    }

    @Test func oneAddressHasItsShare() async throws {
        var limits = OrderWatch.Limits()
        limits.waitsPerAddress = 1
        limits.streamsPerAddress = 1
        try await ReadSide.run(limits: limits) { side in
            try side.project([created()])
            let stream = try open(side)
            let secondStream = try side.get("/orders/o-1/stream")
            #expect(secondStream.status == 429 && secondStream.header("Retry-After") != nil)
            let wait = try side.client()
            try wait.get("/orders/o-2", ["Prefer": "wait=10"])
            try eventually("the request waits") { side.watch.census.waits == 1 }
            #expect(try side.get("/orders/o-2", ["Prefer": "wait=10"]).status == 429)
            // The others are as before, and what doesn't wait is no matter.
            #expect(try side.get("/orders/o-1", ["Prefer": "wait=10"]).status == 200)
            try side.project([created("o-2")])
            #expect(try wait.answer().status == 200)
            #expect(try event(stream).id == "1.1")
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
