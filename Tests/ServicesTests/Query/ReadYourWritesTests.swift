import Execution
import JSON
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

@Suite(.blocking) struct ReadYourWritesTests {
    /// Begins a request that has to wait, and returns once it does.
    private func beginWaiting(
        _ side: ReadSide, _ path: String, _ headers: [String: String], waits: Int = 1
    ) throws -> WireClient {
        let client = try side.client()
        try client.get(path, headers)
        try eventually("the request waits") { side.watch.census.waits == waits }
        return client
    }

    @Test(.servers) func aReaderGetsTheVersionThatItWrote() async throws {
        try await ReadSide.run { side in
            try side.project([created()])
            let byNumber = try beginWaiting(side, "/orders/o-1?minVersion=2", ["Prefer": "respond-async, wait=10"])
            let byTag = try beginWaiting(side, "/orders/o-1", ["Prefer": "wait=10", "If-Match": "\"2\""], waits: 2)
            // A fact of another service is a change, but not the one waited for.
            try side.project([heard(.shipmentCreated(shipmentID: "s-1"), at: 1_500_000)])
            try side.project([confirmed()])
            for client in [byNumber, byTag] {
                let answer = try client.answer()
                #expect(answer.status == 200)
                #expect(answer.header("ETag") == "\"2.3\"")
                #expect(answer.header("Preference-Applied") == "wait=10")
                #expect(try JSONValue(parsing: answer.body)["status"] == "confirmed")
            }
            #expect(side.watch.census.waits == 0)
        }
    }

    @Test(.servers) func aReaderWaitsForAnOrderToAppear() async throws {
        try await ReadSide.run { side in
            let client = try beginWaiting(side, "/orders/o-1", ["Prefer": "wait=10"])
            // An order of somebody else's by the same id isn't it, nor is a fact that runs ahead of the order.
            try side.project([created(tenant: "acme"), heard(.stockReserved(items: []), at: 1_100_000)])
            #expect(side.watch.census.waits == 1)
            try side.project([created()])
            let answer = try client.answer()
            #expect(answer.status == 200 && answer.header("ETag") == "\"1.2\"")
        }
    }

    /// A notification may get lost.
    @Test(.servers) func aDeafReadSideAnswersAllTheSame() async throws {
        try await ReadSide.run(hears: false) { side in
            try side.project([created()])
            let client = try beginWaiting(side, "/orders/o-1?minVersion=2", ["Prefer": "wait=10"])
            try side.project([confirmed()])
            #expect(try client.answer().status == 200)
        }
    }

    /// Long polling: another state than mine.
    @Test(.servers) func aReaderWaitsForAnotherState() async throws {
        try await ReadSide.run { side in
            try side.project([created()])
            let mine = ["If-None-Match": "W/\"9.9\", \"1.1\""]
            #expect(try side.get("/orders/o-1", mine).status == 304)
            // Over two fields, and not inside of another tag.
            #expect(try side.get("/orders/o-1", ["If-None-Match": "\"9\"", "if-none-match": "\"1.1\""]).status == 304)
            #expect(try side.get("/orders/o-1", ["If-None-Match": "\"x,1.1,y\""]).status == 200)
            let client = try beginWaiting(side, "/orders/o-1", mine.merging(["Prefer": "wait=10"]) { $1 })
            try side.project([heard(.stockReserved(items: []), at: 1_100_000)])
            let answer = try client.answer()
            #expect(answer.status == 200 && answer.header("ETag") == "\"1.2\"")

            let late = try side.get("/orders/o-1", ["If-None-Match": "\"1.2\"", "Prefer": "wait=1"])
            #expect(late.status == 304 && late.header("ETag") == "\"1.2\"")
        }
    }

    @Test(.servers) func whatIsNotThereInTimeIsSaid() async throws {
        try await ReadSide.run { side in
            try side.project([created()])
            #expect(try side.get("/orders/o-1").status == 200)
            #expect(try side.get("/orders/o-1?minVersion=1").status == 200)
            #expect(try side.get("/orders/o-1?minVersion=2").status == 412)
            #expect(try side.get("/orders/o-1?minVersion=2", ["Prefer": "wait=1"]).status == 412)
            #expect(try side.get("/orders/o-1", ["If-Match": "\"1.2\""]).status == 412)
            #expect(try side.get("/orders/o-1", ["If-Match": "\"nonsense\""]).status == 412)
            #expect(try side.get("/orders/o-1", ["If-Match": "*"]).status == 200)
            #expect(try side.get("/orders/o-2", ["Prefer": "wait=1"]).status == 404)
            #expect(try side.get("/orders/o-1?minVersion=-1").status == 400)
            #expect(try side.get("/orders/o-1?minVersion=x").status == 400)
        }
    }

    /// Nobody is kept waiting who may be gone; who only shut his side gets what there is.
    @Test(.servers) func aWaitEndsWithItsReader() async throws {
        try await ReadSide.run { side in
            try side.project([created()])
            let halfClosed = try beginWaiting(side, "/orders/o-1?minVersion=2", ["Prefer": "wait=10"])
            halfClosed.finishSending()
            #expect(try halfClosed.answer().status == 412)
            var gone: WireClient? = try beginWaiting(side, "/orders/o-1?minVersion=2", ["Prefer": "wait=10"])
            _ = gone
            gone = nil
            try eventually("the wait is over") { side.watch.census.waits == 0 }
        }
    }

    @Test(.servers) func waitersAreBounded() async throws {
        var limits = OrderWatch.Limits()
        limits.waits = 2
        try await ReadSide.run(limits: limits) { side in
            let first = try beginWaiting(side, "/orders/o-1", ["Prefer": "wait=10"])
            let second = try beginWaiting(side, "/orders/o-1", ["Prefer": "wait=10"], waits: 2)
            let third = try side.get("/orders/o-1", ["Prefer": "wait=10"])
            #expect(third.status == 503 && third.header("Retry-After") != nil)
            try side.project([created()])
            for client in [first, second] { #expect(try client.answer().status == 200) }
        }
    }

    /// A daemon that is told to stop doesn't sit out the waits.
    @Test(.servers) func nobodyWaitsForADaemonThatStops() async throws {
        try await ReadSide.run { side in
            let client = try beginWaiting(side, "/orders/o-1", ["Prefer": "wait=10"])
            side.draining.update { $0 = true }
            #expect(try client.answer().status == 404)
        }
    }

    @Test func preferencesAreReadAsTheRFCSays() {
        let table: [(headers: [String], wait: Int?)] = [
            ([], nil), (["wait=5"], 5), (["Wait = 5"], 5), (["wait=\"7\""], 7), (["respond-async", "wait=3"], 3),
            (["handling=lenient; x=1, wait=4; y=2"], 4), (["wait=1, wait=2"], 1), (["wait"], nil), (["wait="], nil),
            (["x=\"a, wait=5\""], nil), (["x=\"a;wait=5\\\", wait=6\", wait=3"], 3), ([",, ,wait=4"], 4),
            ([";wait=4"], nil),
            (["wait=5;"], 5), (["wait=1.5"], nil), (["wait=\u{FFFD}"], nil),
            (["wait=soon"], nil), (["wait=-1"], nil), (["wait=99999999999999999999"], 999_999_999), (["await=3"], nil),
        ]
        for (headers, wait) in table { #expect(Preferences.wait(headers) == wait, "\(headers)") }
    }

    @Test func listsOfTagsAreReadByTheLetter() {
        let table: [(headers: [String], tags: [String])] = [
            ([], []), ([""], []), (["*"], ["*"]), (["\"1.1\""], ["1.1"]), (["W/\"1.1\" ,\"2\""], ["1.1", "2"]),
            (["\"1.1\"", "\"2\", \"3\""], ["1.1", "2", "3"]), (["\"x,1.1,y\""], ["x,1.1,y"]), (["1.1"], ["1.1"]),
            (["\"a\\\", \"1.1\""], ["a\\", "1.1"]), (["\"1.1"], ["\"1.1"]), ([", ,"], []),
        ]
        for (headers, tags) in table { #expect(EntityTagList.opaqueTags(headers) == tags, "\(headers)") }
    }

    @Test func tagsAreReadBack() {
        let table: [(text: String, tag: ViewTag?)] = [
            ("3.7", ViewTag(version: 3, revision: 7)), ("3", ViewTag(version: 3, revision: 0)), ("", nil), (".", nil),
            ("3.", nil), ("-1", nil), ("1.2.3", nil), ("99999999999", nil), ("a", nil), ("+1", nil),
        ]
        for (text, tag) in table { #expect(ViewTag(text) == tag, "\(text)") }
    }
}
