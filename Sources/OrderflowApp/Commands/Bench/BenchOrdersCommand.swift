import ArgumentParser
import Bench
import Execution
import Foundation
import OrderflowKit
import Terminal

struct BenchOrdersCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "orders",
        abstract: "Post orders to a running API.",
        discussion: """
            Afterwards counts the OrderCreated events that the event store has got: as many as there were answers 201, \
            or the exit code is 1 (requests whose connection broke may be in the store or not). Then waits until the \
            relay has published them, and says how far behind it was. Nobody else may post orders meanwhile.

            CPU time and memory are those that the roles report on /metrics, on the ports of these settings, and of \
            the servers whose process ids are given with --process.

            EXAMPLES
              orderflow bench orders
              orderflow bench orders --connections 1 --duration 5s
              orderflow bench orders --rate 1000 --duration 60s --probes 20
              orderflow keys create --name bench --scope orders:write,orders:read,operate > var/bench.key
              orderflow bench orders --key-file var/bench.key                  where auth.mode is required
              orderflow bench orders --tenant acme
              orderflow bench orders --process postgres=$(cat var/postgres.pid) --process kafka=$(cat var/kafka.pid)
            """)

    @OptionGroup var load: LoadOptions

    @Option(help: ArgumentHelp("The API; default: http.host and http.port.", valueName: "url"))
    var url: String?

    @Option(help: ArgumentHelp("A file with the API key or token to send.", valueName: "path"))
    var keyFile: String?

    @Option(
        help: ArgumentHelp(
            "Besides, post so many orders a second and ask for each until the read model shows it.",
            valueName: "number"))
    var probes: Double?

    @Flag(help: "With --probes: and on until the order is confirmed or cancelled.")
    var settled = false

    @OptionGroup var servers: ServerOptions

    @Flag(inversion: .prefixedNo, help: "Count the events afterwards; needs the event store and Kafka.")
    var verify = true

    @Flag(help: "One JSON object.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard probes.map({ $0 > 0 && $0 <= 1_000 }) ?? true else { throw ValidationError("--probes takes 1 to 1000") }
        if settled, probes == nil { throw ValidationError("--settled needs --probes") }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let target = try BenchTarget(url ?? "http://\(settings.http.host):\(settings.port(of: .api))")
        var plan = load.plan(target)
        if let keyFile {
            plan.headers.append((name: "Authorization", value: "Bearer \(try Self.credential(in: keyFile))"))
        }
        let servers = try servers.processes
        let (verify, probes, settled) = (verify, probes, settled)
        let report = try await DedicatedThread.run("bench") { [plan] in
            let census = verify ? try OrderCensus(settings) : nil
            let usage = RoleUsage(settings, servers: servers, credentials: plan.headers)
            let probe = probes.map {
                VisibilityProbe(target, headers: plan.headers, perSecond: $0, untilSettled: settled)
            }
            let generator = try LoadGenerator(plan)
            let result = try generator.run {
                usage.start()
                probe?.start()
            }
            let costs = usage.stop()
            let visibility = probe?.stop()
            var report = BenchReport(plan: plan, result: result, costs: costs, visibility: visibility)
            report.census = try census?.count(expecting: result.created + (visibility?.created ?? 0))
            return report
        }
        tell(json ? report.json : report.table)
        if let problem = report.problem {
            warn("\(problem)")
            throw ExitCode(ExitStatus.failure)
        }
    }

    static func credential(in path: String) throws -> String {
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let credential = SettingFormat<String>.bearerToken.parse(text) else {
            throw ValidationError("--key-file: \(path) has something else in it than a key or token")
        }
        return credential
    }
}

extension LoadOptions {
    private static let untilAllArePosted: Duration = .seconds(24 * 3_600)

    func plan(_ target: BenchTarget) -> LoadPlan {
        var plan = LoadPlan(host: target.host, port: target.port)
        plan.connections = connections
        plan.rate = rate
        if let duration {
            plan.duration = DurationText.parse(duration) ?? plan.duration
        } else if orders != nil {
            plan.duration = Self.untilAllArePosted
        }
        plan.warmUp = orders == nil ? DurationText.parse(warmUp) ?? plan.warmUp : .zero
        plan.requests = orders
        if let tenant { plan.headers.append((name: "X-Tenant-Id", value: tenant)) }
        return plan
    }
}

/// Where an API listens.
struct BenchTarget: Sendable {
    let host: String
    let port: UInt16
    var url: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    init(_ text: String) throws {
        guard let url = URL(string: text), url.scheme == "http", let host = url.host, url.path.count <= 1,
            let port = UInt16(exactly: url.port ?? 80)
        else { throw ValidationError("--url takes http://host:port, not \(text)") }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = port
    }
}

/// Which servers to account for.
struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A server whose CPU time is counted, with its children.", valueName: "name=pid"))
    var process: [String] = []

    var processes: [ServerProcess] { get throws { try process.map(ServerProcess.init) } }
}

/// A server to account for, as `--process` names it.
struct ServerProcess: Sendable {
    let name: String
    let pid: Int32

    init(_ text: String) throws {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let pid = Int32(parts[1]), ProcessUsage.of(pid) != nil else {
            throw ValidationError("--process takes name=pid of a running process, not \(text)")
        }
        name = String(parts[0])
        self.pid = pid
    }
}
