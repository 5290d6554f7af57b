import ArgumentParser
import Execution
import Foundation
import Glibc
import Operations
import OrderflowKit
import Terminal

struct WatchCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show how the shop is doing, live.",
        discussion: """
            The screen of `orderflow status`, again and again until Ctrl-C, which gives the terminal back as it was. Into \
            a pipe or a file it goes as one page after the other; with --json as one object a line, with its time. The \
            API has the same for browsers, at its address.

            EXAMPLES
              orderflow watch
              orderflow watch --interval 500ms
              orderflow watch --json | jq -c '[.at, .groups[].lag]'
            """)

    @Option(help: ArgumentHelp("Between two looks.", valueName: "duration")) var interval = "2s"
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard let interval = DurationText.parse(interval), interval >= .milliseconds(100) else {
            throw ValidationError("--interval takes a duration from 100ms, such as 2s, not \(interval)")
        }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        // A reader that went away, as `head` does, is an error of that write.
        signal(SIGPIPE, SIG_DFL)
        let (interval, json) = (DurationText.parse(interval) ?? .seconds(2), json)
        let stop = StopSignal()
        let signals = SignalWatch([SIGINT, SIGTERM, SIGHUP]) { _ in stop.stop() }
        defer { signals.cancel() }
        try await DedicatedThread.run("watch") {
            if !json, isatty(STDOUT_FILENO) == 1 {
                Self.onScreen(settings, every: interval, until: stop)
            } else {
                Self.asLines(settings, every: interval, until: stop, json: json)
            }
        }
    }

    private static func onScreen(_ settings: Settings, every interval: Duration, until stop: StopSignal) {
        let screen = TerminalScreen()
        let style = TerminalStyle.standardOutput
        screen.show("asking…\n")
        repeat {
            let report = StatusReport.gather(settings)
            if stop.isStopped { return }
            let head: TerminalText =
                "orderflow at \(time())   every \(DurationText.write(interval)), Ctrl-C ends\n\n"
            screen.show(style.paint(head, .quiet) + StatusText.page(report, style))
        } while !stop.wait(for: interval)
    }

    private static func asLines(
        _ settings: Settings, every interval: Duration, until stop: StopSignal, json: Bool
    ) {
        repeat {
            let report = StatusReport.gather(settings)
            if stop.isStopped { return }
            tell(
                json
                    ? StatusText.json(report, at: WallClock.nowMicroseconds())
                    : "\(time())\n\(StatusText.page(report))\n")
        } while !stop.wait(for: interval)
    }

    private static func time() -> String {
        Date().formatted(.iso8601.time(includingFractionalSeconds: false).timeSeparator(.colon)) + " UTC"
    }
}
