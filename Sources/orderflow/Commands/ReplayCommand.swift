import ArgumentParser
import Execution
import Glibc
import JSON
import Logging

struct ReplayCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Show a topic's records from the beginning.",
        discussion: """
            Reads every partition from offset zero up to what it held at the start, and writes a line for each record: \
            key, partition, offset, timestamp, type, headers, payload. Works for any topic: a value that is no JSON is \
            shown as text, or in base64. Nothing is changed, no group is joined. Progress is shown on a terminal.

            TIMES are RFC 3339, as 2026-01-31T00:00:00Z, or how long ago, as 15m or 2h.

            EXAMPLES
              orderflow replay order-events | jq -r .type | sort | uniq -c
              orderflow replay order-events --key 0197a3c2-… --format text     one order's history
              orderflow replay order-events --merge --from-time 1h             over all partitions, by time
              orderflow replay order-events --follow --type OrderCancelled     as they come
            """)

    @OptionGroup var options: SettingsOptions

    @Argument(help: "The topic.")
    var topic: String

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
        if follow, until != nil { throw ValidationError("--follow has no end, --until has one: take one of them") }
        _ = try request()
    }

    private func request() throws -> ReplayRequest {
        var request = ReplayRequest(topic: topic)
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
        // A reader that goes away is an error of that write.
        signal(SIGPIPE, SIG_IGN)
        let request = try request()
        try await DedicatedThread.run("replay") {
            var replay = TopicReplay(
                request, kafka: settings.kafka.configuration, logger: Logger(label: "replay"))
            try replay.run()
        }
    }
}

extension ReplayRequest.Format: ExpressibleByArgument {}

/// A point in time on the command line.
enum TimeArgument {
    /// Microseconds since the Unix epoch.
    static func microseconds(_ text: String, option: String) throws -> Int64 {
        if let time = RFC3339.microseconds(text) { return time }
        guard let ago = DurationText.parse(text) else {
            throw ValidationError("\(option) takes a time such as 2026-01-31T00:00:00Z or, for how long ago, 15m")
        }
        let (seconds, attoseconds) = ago.components
        return WallClock.nowMicroseconds() - seconds * 1_000_000 - attoseconds / 1_000_000_000_000
    }
}
