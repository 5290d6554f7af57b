import ArgumentParser
import Bench
import JSON
import OrderflowKit
import Terminal

struct BenchMicroCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "micro",
        abstract: "Measure single steps of an order's way, on one thread of this process.",
        discussion: """
            Each step is done again and again for a while, in turns with the others, several rounds of it; the median \
            round counts. No server is asked: what is missing from these figures to the others is what servers, \
            sockets and commits cost. Beside the times it prints how many bytes an order's records have in each of \
            topics.format.

            EXAMPLES
              orderflow bench micro
              orderflow bench micro --rounds 9 --json
            """)

    @Option(help: "How often each step is measured.") var rounds = 5
    @Option(help: ArgumentHelp("How long each time.", valueName: "duration")) var duration = "200ms"
    @Flag(help: "One JSON object a step.") var json = false

    func validate() throws {
        guard (1...1_000).contains(rounds) else { throw ValidationError("--rounds takes 1 to 1000") }
        guard DurationText.parse(duration) != nil else {
            throw ValidationError("--duration takes a duration such as 200ms, not \(duration)")
        }
    }

    func execute() async throws {
        let cases = try MicroCase.all()
        let sizes = try FormatSizes()
        let span = DurationText.parse(duration) ?? .milliseconds(200)
        var times = [[Double]](repeating: [], count: cases.count)
        for _ in 0..<rounds {
            for (index, step) in cases.enumerated() { times[index].append(try step.nanoseconds(for: span)) }
        }
        let medians = times.map { $0.sorted()[$0.count / 2] }
        guard json else {
            let rows = zip(cases, medians).map { step, median in
                [step.name, "\(BenchReport.number(median, 0)) ns", "\(BenchReport.number(1e9 / median, 0))/s"]
            }
            tell(TextTable.write([["STEP", "EACH", "RATE"]] + rows))
            let head = ["BYTES", "ORDERCREATED'S PAYLOAD", "ITS RECORD'S VALUE", "VALUES OF A WHOLE ORDER"]
            return tell(
                TextTable.write(
                    [head] + sizes.rows.map { [$0.format, "\($0.payload)", "\($0.created)", "\($0.order)"] }))
        }
        for (step, median) in zip(cases, medians) {
            var writer = JSONWriter()
            writer.object {
                $0.field("step", step.name)
                $0.field("nanoseconds", raw: BenchReport.number(median, 1).utf8)
            }
            tell(TerminalText(json: writer.bytes))
        }
        for row in sizes.rows {
            var writer = JSONWriter()
            writer.object {
                $0.field("format", row.format)
                $0.field("payloadBytes", row.payload)
                $0.field("valueBytes", row.created)
                $0.field("orderBytes", row.order)
            }
            tell(TerminalText(json: writer.bytes))
        }
    }
}
