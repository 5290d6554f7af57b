import Foundation
import Glibc
import Kafka
import Logging
import Telemetry

/// Finds log lines of all processes on the topic that they ship them to, and shows them in the order of their times.
struct LogSearch {
    var filter: LogFilter
    /// Microseconds since the Unix epoch; nil is as far back as the topic goes.
    var since: Int64?
    var follow = false
    var asJSON = false
    let topic: String
    let kafka: KafkaConfiguration
    let logger: Logger
    var output = StandardOutput()
    var isColoured = LogOutput(descriptor: STDOUT_FILENO).wantsColour(
        environment: ProcessInfo.processInfo.environment)

    private struct Found {
        let line: LogLine
        let json: [UInt8]
    }

    /// Blocks the calling thread. A reader of stdout that goes away ends it without an error.
    mutating func run() throws {
        var request = ReplayRequest(topic: topic)
        request.fromTime = since
        let ranges = try request.ranges(Admin(kafka, logger: logger), brokers: kafka.bootstrapServers)
        do {
            try showPast(ranges)
            guard follow else { return }
            var source = try UnmergedRecords(
                kafka, ranges.mapValues { $0.upperBound..<Int64.max }, logger: logger)
            while true { try show(found(in: source.next(timeout: .milliseconds(300)))) }
        } catch is StandardOutput.ReaderGone {
            return
        }
    }

    /// All that is wanted of what there is now: processes ship at their own pace, so that only all of it has an order.
    private mutating func showPast(_ ranges: [TopicPartition: Range<Int64>]) throws {
        var source = try UnmergedRecords(kafka, ranges, logger: logger)
        var progress = ReplayProgress(
            total: ranges.values.reduce(0) { $0 + Int64($1.count) }, isShown: ReplayProgress.isWanted)
        defer { progress.finish() }
        var all: [Found] = []
        var silent = ContinuousClock.now
        while !source.isFinished {
            let records = try source.next(timeout: .milliseconds(100))
            if records.isEmpty {
                guard .now < silent + UnmergedRecords.patience else { throw source.silence }
                continue
            }
            silent = .now
            all += found(in: records)
            progress.advance(by: records.count)
        }
        try show(all)
    }

    private func found(in records: [ConsumedMessage]) -> [Found] {
        records.compactMap { record in
            guard filter.mayWant(record.value), let line = LogLine(record.value), filter.wants(line) else { return nil }
            return Found(line: line, json: asJSON ? Array(record.value) : [])
        }
    }

    private mutating func show(_ found: [Found]) throws {
        // Lines of one time stay as they came: those of one process in its order.
        let inOrder = found.enumerated().sorted {
            ($0.element.line.time, $0.offset) < ($1.element.line.time, $1.offset)
        }
        for (_, found) in inOrder {
            if asJSON {
                output.append(json: { $0 += found.json + [UInt8(ascii: "\n")] })
            } else {
                output.bytes += found.line.text(isColoured: isColoured)
            }
            try output.flushIfFull()
        }
        try output.flush()
    }
}
