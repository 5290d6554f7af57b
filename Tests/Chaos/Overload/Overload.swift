import Execution
import Foundation
import TestServers
import TestShop

/// A database that is slow, and ten times more orders than it can take: what is taken must be stored, the rest told to
/// come again, and the API's memory must not grow.
struct Overload: Sendable {
    struct Result: Sendable {
        var tally = Hammer.Tally()
        /// Accepted orders that the event store doesn't have.
        var lost = 0
        var published = false
        /// Resident memory of the API in kilobytes: when the queue was just full, and the most after that.
        var memoryWhenFull = 0
        var peakMemory = 0
        /// The first order after the database was well again.
        var recoveredAfter: Duration?
        var duration: Duration = .zero
    }

    var duration: Duration = .seconds(30)
    var connections = 2_000

    /// One writer whose commit takes half a second stores this many orders a second at most.
    static let capacity = 1_024
    private static let queue = 1_000

    func run() async throws -> Result {
        let settings = self
        return try await DedicatedThread.run("overload") { try settings.runBlocking() }
    }

    private func runBlocking() throws -> Result {
        let shop = try Shop()
        let proxy = try Proxy(to: shop.postgres.port)
        defer { proxy.close() }
        let api = try shop.daemon(
            "api",
            settings: [
                "ORDERFLOW_DATABASE_URL": Shop.databaseURL(port: proxy.port),
                "ORDERFLOW_ORDERS_WRITERS": "1", "ORDERFLOW_ORDERS_QUEUE_LIMIT": "\(Self.queue)",
                "ORDERFLOW_LOG_LEVEL": "error",
            ])
        defer { api.stop() }
        try api.start()
        try eventually(within: .seconds(60), "the API is ready") { Self.get(api.port, "/readyz") == 200 }

        proxy.delay(.milliseconds(250))
        let hammer = Hammer(port: api.port, connections: connections, name: "\(UUID())")
        let stop = StopSignal()
        let hammering = DedicatedThread.start("hammers") { hammer.run(until: stop, patience: .seconds(30)) }
        var result = Result()
        let started = ContinuousClock.now
        while .now < started + duration {
            usleep(250_000)
            guard let size = MemoryWatch.resident(api.processID) else { throw APIEnded(log: api.log) }
            // Every connection and every place of the queue has been used by then.
            if .now < started + duration / 4 { result.memoryWhenFull = max(result.memoryWhenFull, size) }
            result.peakMemory = max(result.peakMemory, size)
        }
        result.duration = started.duration(to: .now)
        stop.stop()
        hammering.join()
        proxy.delay(.zero)

        let well = ContinuousClock.now
        try eventually(within: .seconds(20), "an order is taken again") { try Self.order(api.port) == 201 }
        result.recoveredAfter = well.duration(to: .now)
        result.tally = hammer.result
        let stored = Set(
            try shop.query("SELECT stream_id FROM events WHERE type = 'OrderCreated'", in: "orders").map { $0[0] })
        result.lost = result.tally.accepted.count { !stored.contains($0) }
        try eventually(within: .seconds(60), "everything is published") {
            try Set(shop.headers(of: "order-events").compactMap(\.key)) == stored
        }
        result.published = true
        return result
    }

    private struct APIEnded: Error {
        let log: String
    }

    private static func get(_ port: Int, _ path: String) -> Int? {
        try? status(["http://127.0.0.1:\(port)\(path)"])
    }

    private static func order(_ port: Int) throws -> Int? {
        try status([
            "-H", "Content-Type: application/json", "-d", ShopClient.simpleOrder, "http://127.0.0.1:\(port)/orders",
        ])
    }

    /// By curl: whether the shop answers isn't for its own code to say.
    private static func status(_ arguments: [String]) throws -> Int? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["curl", "-s", "-o", "/dev/null", "-m", "10", "-w", "%{http_code}"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Int(text)
    }
}

extension Overload.Result {
    var table: String {
        let seconds = duration / .seconds(1)
        let answers = tally.statuses.values.reduce(0, +)
        return """
            answers                 \(answers) (\(Int(Double(answers) / seconds)) a second)
            201                     \(tally.statuses[201] ?? 0)
            503                     \(tally.statuses[503] ?? 0), without Retry-After \(tally.withoutRetryAfter)
            others                  \(tally.statuses.filter { $0.key != 201 && $0.key != 503 }), broken off \(tally.broken)
            accepted and lost       \(lost)
            memory when full, peak  \(memoryWhenFull >> 10) MiB, \(peakMemory >> 10) MiB
            first order afterwards  \(recoveredAfter.map { "\($0)" } ?? "never")

            """
    }

    /// What is wrong; empty where all is as promised.
    var complaints: [String] {
        var complaints: [String] = []
        if tally.statuses[503] == nil { complaints.append("nothing was refused: that was no overload") }
        if tally.accepted.isEmpty { complaints.append("nothing was taken") }
        if tally.statuses.contains(where: { $0.key != 201 && $0.key != 503 }) { complaints.append("\(tally.statuses)") }
        if tally.withoutRetryAfter > 0 { complaints.append("\(tally.withoutRetryAfter) 503 without Retry-After") }
        if tally.broken > 0 { complaints.append("\(tally.broken) requests without an answer") }
        if lost > 0 { complaints.append("\(lost) accepted orders lost") }
        if !published { complaints.append("not everything is published") }
        if recoveredAfter == nil { complaints.append("no recovery") }
        if peakMemory > memoryWhenFull + 32 << 10 {
            complaints.append("memory grew from \(memoryWhenFull) to \(peakMemory) kB")
        }
        return complaints
    }
}
