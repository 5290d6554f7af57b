import ArgumentParser
import Fulfilment
import JSON
import Messaging
import OrderflowKit
import Postgres
import Terminal

struct SagasCheckCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Name the orders under way that this version would lead otherwise.",
        discussion: """
            Puts the history of every order under way, of all tenants, through the definition of this program, before its \
            daemons are started: an order is named where its status or a step would be another, where it has taken a step \
            that there isn't any more, or where a step that may have to be undone would be undone by another command or \
            not at all. The saga role doesn't start where a compensation would be lost; the other differences are for a \
            person to judge. Changes nothing, and may run beside daemons of any version; give it the new version's \
            settings.

            An order that hasn't moved since definitions are recorded (orderflow migrate adds that) can't be checked, and \
            is named as such. Facts that the definition of their time didn't hear are in no history: a step that is \
            new counts as not taken.

            Exit code 1 where there are any that differ.

            EXAMPLES
              orderflow sagas check
              orderflow sagas check --json | jq -r 'select(.differences).orderId'
            """)

    @Flag(help: "One JSON object a line, the last with the counts.") var json = false
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let check = SagaCheck(try FulfilmentSaga.orchestrator(settings))
        let json = json
        let summary = try await settings.withConnection(to: .saga, named: "sagas") { connection in
            try check.run(on: connection) { tell(json ? SagasText.json($0) : SagasText.line($0)) }
        }
        tell(json ? SagasText.json(summary) : SagasText.line(summary))
        if summary.differing > 0 { throw ExitCode(ExitStatus.failure) }
    }
}

extension SagasText {
    /// One order that isn't known to go on as it stands.
    static func line(_ finding: SagaCheck.Finding) -> TerminalText {
        let words =
            switch finding.verdict {
            case .differs(let differences): differences.map { "\($0)" }.joined(separator: "; ")
            case .unrecorded:
                "can't be checked: started before definitions were recorded, not moved since"
            }
        return "order \(finding.key.id) of tenant \(finding.key.tenant): \(words)\n"
    }

    static func line(_ summary: SagaCheck.Summary) -> TerminalText {
        let unrecorded = summary.unrecorded == 0 ? "" : "; \(summary.unrecorded) can't be checked"
        let differing = summary.differing == 0 ? "all that can be checked stand" : "\(summary.differing) don't stand"
        return "\(summary.open) under way; \(differing) as this version would have led them\(unrecorded)\n"
    }

    static func json(_ finding: SagaCheck.Finding) -> TerminalText {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.field("orderId", finding.key.id)
            json.field("tenant", finding.key.tenant)
            json.field("status", finding.status)
            if let version = finding.version { json.field("definition", version) }
            switch finding.verdict {
            case .unrecorded: json.field("verdict", "unrecorded")
            case .differs(let differences):
                json.field("verdict", "differs")
                json.key("differences")
                json.array { json in
                    for difference in differences {
                        json.object { json in
                            json.field("what", difference.kind)
                            json.field("step", difference.step)
                            json.field("stands", difference.stands)
                            json.field("would", difference.would)
                        }
                    }
                }
            }
        }
        return TerminalText(json: json.bytes)
    }

    static func json(_ summary: SagaCheck.Summary) -> TerminalText {
        var json = JSONWriter(capacity: 64)
        json.object { json in
            json.field("open", summary.open)
            json.field("differing", summary.differing)
            json.field("unrecorded", summary.unrecorded)
        }
        return TerminalText(json: json.bytes)
    }
}
