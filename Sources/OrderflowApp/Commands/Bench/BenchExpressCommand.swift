import ArgumentParser
import Bench
import Execution
import Foundation
import Histogram
import JSON
import Logging
import OrderflowKit
import Postgres
import Terminal

struct BenchExpressCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "express",
        abstract: "Measure how long express orders take to be confirmed, beside a backlog and without.",
        discussion: """
            Posts an express order now and then to a shop that has nothing else to do, for --duration, and asks for each \
            until the read model shows its end. Then posts --backlog ordinary orders as fast as the API takes them, and \
            measures express orders again while those are on their way: for --duration, or until the backlog is through. \
            Says both, what the backlog has made of the time, and how many orders of it were still open at the end; with \
            none the second figures mean nothing, and the exit code is 1. So it is where the medians differ by more than \
            --limit times.

            EXAMPLES
              orderflow bench express --backlog 100000
              orderflow bench express --backlog 20000 --duration 10s --rate 5
              orderflow bench express --key-file var/bench.key      a key with orders:write, orders:express, orders:read
            """)

    @Option(help: ArgumentHelp("Ordinary orders to post before.", valueName: "number")) var backlog = 100_000
    @Option(help: ArgumentHelp("Express orders a second.", valueName: "number")) var rate = 4.0
    @Option(help: ArgumentHelp("How long to measure, each time.", valueName: "duration")) var duration = "20s"
    @Option(help: ArgumentHelp("How much longer the median may become.", valueName: "factor")) var limit = 3.0
    @Option(help: ArgumentHelp("Connections that post the backlog.", valueName: "number")) var connections = 64
    @Option(help: ArgumentHelp("The API; default: http.host and http.port.", valueName: "url")) var url: String?
    @Option(help: ArgumentHelp("A file with the API key or token to send.", valueName: "path")) var keyFile: String?
    @Flag(help: "One JSON object.") var json = false
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (1...10_000_000).contains(backlog) else { throw ValidationError("--backlog takes 1 to 10000000") }
        guard rate > 0, rate <= 1_000 else { throw ValidationError("--rate takes more than 0, up to 1000") }
        guard limit >= 1 else { throw ValidationError("--limit takes 1 or more") }
        guard (1...10_000).contains(connections) else { throw ValidationError("--connections takes 1 to 10000") }
        guard DurationText.parse(duration) != nil else {
            throw ValidationError("--duration takes a duration such as 20s, not \(duration)")
        }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let target = try BenchTarget(url ?? "http://\(settings.http.host):\(settings.port(of: .api))")
        var headers: [(name: String, value: String)] = []
        if let keyFile {
            headers.append((name: "Authorization", value: "Bearer \(try BenchOrdersCommand.credential(in: keyFile))"))
        }
        var plan = LoadPlan(host: target.host, port: target.port)
        plan.connections = connections
        plan.warmUp = .zero
        plan.duration = .seconds(3_600)
        plan.requests = backlog
        plan.headers += headers
        let span = DurationText.parse(duration) ?? .seconds(20)
        let rate = rate
        let report = try await DedicatedThread.run("bench") { [plan, headers] in
            let open = try OpenOrders(settings)
            let probe = { (end: () throws -> Bool) in
                let probe = VisibilityProbe(
                    target, headers: headers, perSecond: rate, untilSettled: true, isExpress: true)
                probe.start()
                let deadline = ContinuousClock.now + span
                while ContinuousClock.now < deadline, try !end() { StopSignal().wait(for: .milliseconds(200)) }
                return probe.stop()
            }
            let idle = try probe { false }
            let posted = try LoadGenerator(plan).run {}
            let before = try open.count()
            let beside = try probe { try open.count() == 0 }
            return ExpressReport(
                idle: idle, beside: beside, posted: posted.created, openBefore: before, openAfter: try open.count())
        }
        tell(json ? report.json : report.table)
        if let problem = report.problem(limit: limit) {
            warn("\(problem)")
            throw ExitCode(ExitStatus.failure)
        }
    }
}

/// Ordinary orders since the start that have no end yet, by the event store.
private struct OpenOrders {
    private let connection: Connection
    private let start: Int64

    init(_ settings: Settings) throws {
        connection = try Connection(settings.database(of: .orders), logger: Logger(label: "bench"))
        start = try connection.query("SELECT coalesce(max(position), 0) FROM events").one().get(0, as: Int64.self)
    }

    func count() throws -> Int {
        Int(
            try connection.query(
                """
                SELECT count(*) FILTER (WHERE type = 'OrderCreated')
                    - count(*) FILTER (WHERE type IN ('OrderConfirmed', 'OrderCancelled'))
                FROM events WHERE position > $1 AND category = 'order' AND NOT express
                """, [.int8(start)]
            ).one().get(0, as: Int64.self))
    }
}

/// What express orders have taken, without a backlog and beside one.
private struct ExpressReport: Sendable {
    let idle: VisibilityProbe.Outcome
    let beside: VisibilityProbe.Outcome
    let posted: Int
    let openBefore: Int
    let openAfter: Int

    /// Of the medians; nil where one of them isn't known.
    private var ratio: Double? {
        guard idle.settled.totalCount > 0, beside.settled.totalCount > 0 else { return nil }
        return Self.seconds(beside.settled, 50) / max(Self.seconds(idle.settled, 50), 1e-6)
    }

    private static func seconds(_ times: Histogram<UInt64>, _ percentile: Double) -> Double {
        Double(times.valueAtPercentile(percentile)) / 1e6
    }

    func problem(limit: Double) -> String? {
        let failures = idle.missing + idle.errors + beside.missing + beside.errors
        if failures > 0 { return "\(failures) express orders had no answer, or no end within 30 s" }
        guard let ratio else { return "no express order came to its end" }
        if openAfter == 0 { return "the backlog was through before the end: give it more with --backlog" }
        if ratio > limit {
            return "beside the backlog the median is \(BenchReport.number(ratio, 2)) times that of an idle shop, "
                + "more than \(BenchReport.number(limit, 1))"
        }
        return nil
    }

    var table: TerminalText {
        func row(_ name: String, _ outcome: VisibilityProbe.Outcome) -> [String] {
            [name, "\(outcome.settled.totalCount)"]
                + [50, 90, 99].map { BenchReport.number(Self.seconds(outcome.settled, $0), 3) + " s" }
        }
        let times = TextTable.write(
            [
                ["EXPRESS ORDERS", "NUMBER", "P50", "P90", "P99"], row("idle shop", idle),
                row("beside a backlog", beside),
            ])
        let factor = ratio.map { BenchReport.number($0, 2) } ?? "?"
        let counts: TerminalText = """
            ordinary orders: \(posted) posted, \(openBefore) open before, \(openAfter) open after
            medians: \(factor) times

            """
        return times + "\n" + counts
    }

    var json: TerminalText {
        var writer = JSONWriter()
        writer.object { json in
            for (name, outcome) in [("idle", idle), ("beside", beside)] {
                json.key(dynamic: name)
                json.object { json in
                    json.field("orders", Int64(outcome.settled.totalCount))
                    for (name, percentile) in [("p50", 50.0), ("p90", 90), ("p99", 99)] {
                        json.key(dynamic: name)
                        json.raw { $0 += Array(BenchReport.number(Self.seconds(outcome.settled, percentile), 4).utf8) }
                    }
                }
            }
            json.field("posted", Int64(posted))
            json.field("openBefore", Int64(openBefore))
            json.field("openAfter", Int64(openAfter))
            if let ratio { json.field("ratio", raw: BenchReport.number(ratio, 3).utf8) }
        }
        return TerminalText(json: writer.bytes)
    }
}
