import ArgumentParser
import Execution
import Glibc
import JSON
import Logging
import OrderflowKit
import Terminal

struct ReplayCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Show a topic's records from the beginning, or make a read model anew from them.",
        discussion: """
            Reads every partition from offset zero up to what it held at the start, and writes a line for each record: \
            key, partition, offset, timestamp, type, headers, payload. Works for any topic: payloads in Protocol Buffers and \
            Avro (topics.format) are shown as JSON, any other value that is no JSON as text, or in base64. Nothing is changed, no group is joined. Progress is shown on a terminal.

            With a topic its express lane is shown, unless --partition or --from-offset says which records of the topic \
            itself are meant; a lane alone is shown by its own name, as order-events-express.

            TIMES are RFC 3339, as 2026-01-31T00:00:00Z, or how long ago, as 15m or 2h.

            EXAMPLES
              orderflow replay order-events | jq -r .type | sort | uniq -c
              orderflow replay order-events --key 0197a3c2-… --format text     one order's history
              orderflow replay order-events --merge --from-time 1h             over all partitions, by time
              orderflow replay order-events --follow --type OrderCancelled     as they come

            With --into, the events make a read model anew, in a schema of its own beside the live one, which goes on \
            serving and being kept up to date. When both are compared row by row and equal, one transaction exchanges \
            their tables; readers notice nothing. Tables that differ, as after a change of what is derived from events, \
            are exchanged with --accept-differences only; else the exit code is 1. However it ends before that, the \
            live model is as it was, and the same command goes on where it ended. Customers are kept with sales.

              orderflow replay --into orders                                   also invoices, sales, customers
              orderflow replay --into orders --discard                         drops an unfinished rebuild
            """)

    @OptionGroup var options: SettingsOptions
    @OptionGroup var person: OperatorName
    @OptionGroup var why: OperatorNote

    @Argument(help: "The topic.")
    var topic: String?

    @Option(
        help: ArgumentHelp(
            "Make this read model anew: \(OrderflowApp.services.readModelNames.joined(separator: ", ")).",
            valueName: "read model"))
    var into: String?

    @Flag(help: "With --into: drop what an unfinished rebuild has left.")
    var discard = false

    @Flag(help: "With --into: compare only, and leave the rebuilt tables for a later run.")
    var noExchange = false

    @Flag(help: "With --into: exchange the tables even if they differ.")
    var acceptDifferences = false

    @Option(help: ArgumentHelp("With --into: events read and not yet committed.", valueName: "count"))
    var window: Int?

    @Option(help: "Only records with this key; may be repeated.")
    var key: [String] = []

    @Option(help: "Only records of this type; may be repeated.")
    var type: [String] = []

    @Option(help: "Only this partition; may be repeated.")
    var partition: [Int32] = []

    @Option(help: ArgumentHelp("Each partition from this offset on.", valueName: "offset"))
    var fromOffset: Int64?

    @Option(help: ArgumentHelp("Records written at this time or later.", valueName: "time"))
    var fromTime: String?

    @Option(help: ArgumentHelp("Records written before this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("At most so many lines.", valueName: "count"))
    var limit: Int?

    @Flag(help: "In the order of the records' times, over all partitions.")
    var merge = false

    @Flag(help: "Go on with what is written from now on, until Ctrl-C.")
    var follow = false

    @Option(help: "json or text.")
    var format: ReplayRequest.Format = .json

    func validate() throws {
        if let limit, limit < 0 { throw ValidationError("--limit takes a count, not \(limit)") }
        if let fromOffset, fromOffset < 0 { throw ValidationError("--from-offset takes an offset, not \(fromOffset)") }
        if (topic == nil) == (into == nil) { throw ValidationError("give it a topic, or --into a read model") }
        if let into, !OrderflowApp.services.readModelNames.contains(into) {
            throw ValidationError(
                "--into takes one of \(OrderflowApp.services.readModelNames.joined(separator: ", ")), not \(into)")
        }
        let ofRebuild = [discard, noExchange, acceptDifferences, window != nil, person.by != nil, why.note != nil]
        if into == nil, ofRebuild.contains(true) {
            throw ValidationError(
                "--discard, --no-exchange, --accept-differences, --window, --by and --note belong to --into")
        }
        if let window, window < 1 { throw ValidationError("--window takes a count from 1, not \(window)") }
        if into != nil, narrows { throw ValidationError("--into takes all events: no other option chooses among them") }
        if follow, until != nil { throw ValidationError("--follow has no end, --until has one: take one of them") }
        _ = try request()
    }

    private var narrows: Bool {
        !key.isEmpty || !type.isEmpty || !partition.isEmpty || fromOffset != nil || fromTime != nil || until != nil
            || limit != nil || merge || follow
    }

    private func request() throws -> ReplayRequest {
        var request = ReplayRequest(topic: topic ?? "")
        request.partitions = partition
        request.keys = Set(key)
        request.types = Set(type)
        request.fromOffset = fromOffset
        request.fromTime = try fromTime.map { try TimeArgument.microseconds($0, option: "--from-time") }
        request.until = try until.map { try TimeArgument.microseconds($0, option: "--until") }
        request.limit = limit
        request.merge = merge
        request.follow = follow
        request.format = format
        return request
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        if let into { return try await rebuild(into, settings) }
        // A reader that goes away is an error of that write.
        signal(SIGPIPE, SIG_IGN)
        var request = try request()
        request.lane = settings.expressLanes[request.topic]
        try await DedicatedThread.run("replay") { [request] in
            var replay = TopicReplay(
                request, kafka: settings.kafka.configuration, logger: Logger(label: "replay"))
            try replay.run()
        }
    }
}

extension ReplayCommand {
    private func rebuild(_ name: String, _ settings: Settings) async throws {
        var request = ReadModelRebuild.Request(name: name, by: person.actor)
        request.note = why.note
        request.discards = discard
        request.exchanges = !noExchange
        request.acceptsDifferences = acceptDifferences
        if let window { request.limits.records = window }
        let rebuild = try ReadModelRebuild(request, settings)
        // Wherever the process ends, nothing is lost but the window in hand.
        let interruption = SignalWatch([SIGINT, SIGTERM]) { signal in
            warn("interrupted; the live tables are untouched. The same command goes on, --discard drops it")
            _exit(128 + signal)
        }
        defer { interruption.cancel() }
        let isDone = try await DedicatedThread.run("rebuild") { try rebuild.run() }
        if !isDone { throw ExitCode(ExitStatus.failure) }
    }
}

extension ReplayRequest.Format: ExpressibleByArgument {}
