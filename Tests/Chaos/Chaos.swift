import ArgumentParser
import Foundation

/// The fault campaign: breaks a whole shop at random, and counts what came of the orders.
@main
struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Break a shop at random while customers order, and count what is lost, doubled or stuck.",
        discussion: """
            Starts PostgreSQL, a broker and two daemons of each role of its own, on free ports. The same seed makes the \
            same decisions. Exit code 1 unless every count is zero. With CHAOS_KEEP=directory a failed campaign leaves \
            its logs, topics and databases there.
            """)

    @Option(help: "Of the campaign's decisions; default a random one.") var seed: UInt64?
    @Option(help: "Seconds during which orders come and things break.") var duration = 300
    @Option(help: "Orders a second.") var rate = 20.0
    @Option(
        help: ArgumentHelp(
            "Only these faults, by commas: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "faults"))
    var only: String?
    @Option(help: "Who leads an order to its end: orchestration or choreography.") var mode = "orchestration"
    @Option(help: "How relays hear of what was committed: by windows, PostgreSQL's log (wal), or either (mixed).")
    var relay = "windows"
    @Flag(help: "Say nothing of each fault.") var quiet = false
    @Flag(help: "No faults: ten times the orders that a slow database can take.") var overload = false

    func validate() throws {
        guard duration > 0, rate > 0 else { throw ValidationError("--duration and --rate take numbers above 0") }
        guard ["orchestration", "choreography"].contains(mode) else {
            throw ValidationError("--mode is orchestration or choreography")
        }
        _ = try relays()
        _ = try faults()
    }

    private func relays() throws -> RelayChoice {
        guard let relays = RelayChoice(rawValue: relay) else {
            throw ValidationError("--relay is \(RelayChoice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return relays
    }

    private func faults() throws -> [Fault] {
        guard let only else { return Fault.allCases }
        return try only.split(separator: ",").map { name in
            guard let fault = Fault(rawValue: String(name)) else { throw ValidationError("there is no fault \(name)") }
            return fault
        }
    }

    func run() async throws {
        if overload { return try await runOverload() }
        let seed = seed ?? .random(in: 0 ... .max)
        // Before anything can go wrong, wherever stdout leads.
        FileHandle.standardOutput.write(Data("seed \(seed)\n".utf8))
        var campaign = Campaign(seed: seed)
        campaign.duration = .seconds(duration)
        campaign.rate = rate
        campaign.faults = try faults()
        campaign.mode = mode
        campaign.relays = try relays()
        campaign.isVerbose = !quiet
        let result = try await campaign.run()
        print(result.table)
        if !result.isSound { throw ExitCode.failure }
    }

    private func runOverload() async throws {
        var overload = Overload()
        overload.duration = .seconds(duration)
        let result = try await overload.run()
        print(result.table)
        for complaint in result.complaints { print("complaint: \(complaint)") }
        if !result.complaints.isEmpty { throw ExitCode.failure }
    }
}
