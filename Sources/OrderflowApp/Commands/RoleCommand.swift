import ArgumentParser
import Execution
import Kafka
import Logging
import Messaging
import OrderflowKit
import Postgres

/// A subcommand that runs one role as a daemon.
protocol RoleCommand: OrderflowCommand {
    static var role: Role { get }
    var options: SettingsOptions { get }
    var http: HTTPOptions { get }
}

/// Where the role's HTTP server listens.
struct HTTPOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Address to listen on (http.host).", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("Port to listen on; 0 takes a free one.", valueName: "port"))
    var port: String?

    /// - Parameter portKey: the setting that `--port` means for this command.
    func flags(portKey: String) -> [SettingsSources.Flag] {
        [
            host.map { .init(key: "http.host", text: $0, option: "--host") },
            port.map { .init(key: portKey, text: $0, option: "--port") },
        ].compactMap { $0 }
    }
}

extension RoleCommand {
    func execute() async throws {
        let loaded = try options.load(http.flags(portKey: "\(Self.role.rawValue).http.port"))
        var settings = loaded.settings
        settings.kafka.instance = settings.kafka.instance ?? InstanceName.take(role: Self.role.rawValue)
        let shipment = LogShipment(settings, role: Self.role)
        Observability.start(settings.log, role: Self.role.rawValue, shipment: shipment)
        // Before anything is put together that makes spans.
        let traces = TraceExport.start(settings.telemetry, role: Self.role, instance: settings.kafka.instance)
        let runtime = RoleRuntime(
            role: Self.role, settings: settings, health: HealthRegistry(),
            logger: Logger(label: Self.role.rawValue), traces: traces, logs: shipment)
        let assembly: RoleRuntime.Assembly
        do {
            try shipment?.start()
            assembly = try runtime.assemble()
        } catch {
            // Nothing is connected to while a role is put together: what fails here is what it was told.
            throw SettingsError(problems: ["\(error)"])
        }
        do {
            try await runtime.run(assembly)
        } catch let failure as ThreadGroup.PartFailed where failure.cause is RetiredSteps {
            // Starting again can't help: this program is the wrong one.
            throw SettingsError(problems: ["\(failure.cause)"])
        }
    }

    /// The same for every role, after what it does.
    static func discussion(_ text: String, _ examples: String) -> String {
        """
        \(text)

        Runs in the foreground until SIGTERM or Ctrl-C, then finishes what it has in hand, for shutdown.deadline at \
        most; a second Ctrl-C ends it at once. Any number may run, on any machines: they share the work. Servers that \
        are away are waited for, and /readyz says so. /livez, /readyz and /metrics are on http.port + \
        \(role.portOffset) (--port, \(role.rawValue).http.port). Log lines go to stderr.

        EXAMPLES
        \(examples)
        """
    }
}
