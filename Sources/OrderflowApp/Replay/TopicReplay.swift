import Glibc
import Kafka
import Logging

/// Shows a topic's records, from where they start to what there was at the start, or on and on.
struct TopicReplay {
    let request: ReplayRequest
    let kafka: KafkaConfiguration
    let logger: Logger
    var output = StandardOutput()
    private var shown = 0

    init(_ request: ReplayRequest, kafka: KafkaConfiguration, output: StandardOutput = StandardOutput(), logger: Logger)
    {
        self.request = request
        self.kafka = kafka
        self.output = output
        self.logger = logger
    }

    /// Blocks the calling thread. A reader of stdout that goes away ends it without an error.
    mutating func run() throws {
        let ranges = try request.ranges(Admin(kafka, logger: logger), brokers: kafka.bootstrapServers)
        do {
            try show(ranges)
            if request.follow, !isThrough {
                // What comes next has no order over partitions but that in which it comes.
                let rest = ranges.mapValues { $0.upperBound..<Int64.max }
                var source = try UnmergedRecords(kafka, rest, logger: logger)
                while !isThrough { try step(&source, patience: nil) }
            }
            try output.flush()
        } catch is StandardOutput.ReaderGone {
            return
        }
    }

    private mutating func show(_ ranges: [TopicPartition: Range<Int64>]) throws {
        let total = ranges.values.reduce(Int64(0)) { $0 + $1.upperBound - $1.lowerBound }
        var progress = ReplayProgress(total: total, isShown: ReplayProgress.isWanted)
        defer { progress.finish() }
        if request.merge {
            try show(MergedRecords(kafka, ranges, logger: logger), &progress)
        } else {
            try show(UnmergedRecords(kafka, ranges, logger: logger), &progress)
        }
        try output.flush()
    }

    private mutating func show<Source: RecordSource>(_ source: Source, _ progress: inout ReplayProgress) throws {
        var source = source
        var silent = ContinuousClock.now
        while !source.isFinished, !isThrough {
            let count = try step(&source, patience: silent + Source.patience)
            if count > 0 { silent = .now }
            progress.advance(by: count)
        }
    }

    private var isThrough: Bool { request.limit.map { shown >= $0 } ?? false }

    /// Reads and shows what is there. Returns how many records were read.
    @discardableResult
    private mutating func step(
        _ source: inout some RecordSource, patience: ContinuousClock.Instant?
    ) throws -> Int {
        let records = try source.next(timeout: .milliseconds(100))
        if records.isEmpty {
            // A watching reader sees what there is.
            try output.flush()
            if let patience, .now > patience { throw source.silence }
        }
        for record in records where !isThrough {
            let line = RecordLine(record)
            guard isWanted(line) else { continue }
            switch request.format {
            case .json: output.append(json: line.appendJSON)
            case .text: line.appendText(to: &output.bytes)
            }
            shown += 1
            try output.flushIfFull()
        }
        return records.count
    }

    private func isWanted(_ line: RecordLine) -> Bool {
        if !request.keys.isEmpty {
            guard let key = line.key, request.keys.contains(key) else { return false }
        }
        if !request.types.isEmpty {
            guard let type = line.type, request.types.contains(type) else { return false }
        }
        return true
    }
}
