import ArgumentParser
import Execution
import Kafka
import Logging
import Messaging
import Operations
import OrderflowKit
import Postgres
import Webhooks

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

/// A place in the list of services. ArgumentParser knows subcommands as types, services are values: the types stand for
/// their places.
protocol CataloguePlace: Sendable {
    static var index: Int { get }
}

enum First: CataloguePlace {
    static let index = 0
}

enum Next<Previous: CataloguePlace>: CataloguePlace {
    static var index: Int { Previous.index + 1 }
}

/// A subcommand that runs one service as a daemon.
struct RoleCommand<Place: CataloguePlace>: OrderflowCommand {
    static var module: ServiceModule { OrderflowApp.services.modules[Place.index] }

    static var configuration: CommandConfiguration {
        let guide = module.guide
        return CommandConfiguration(
            commandName: module.name,
            abstract: guide.abstract.isEmpty
                ? module.summary.prefix(1).uppercased() + module.summary.dropFirst() + "." : guide.abstract,
            discussion: discussion(guide),
            subcommands: module.name == ServiceModule.webhooks.name ? WebhooksCommands.all : [])
    }

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions

    func execute() async throws {
        let module = Self.module
        let loaded = try options.load(http.flags(portKey: "\(module.name).http.port"))
        var settings = loaded.settings
        settings.kafka.instance = settings.kafka.instance ?? InstanceName.take(role: module.name)
        // A service that says nothing needs no keys to say it with.
        if !settings.services.says(module).isEmpty { _ = try RecordSigning.signatures(of: settings, for: module) }
        let shipment = LogShipment(settings, role: module.name)
        Observability.start(settings.log, role: module.name, shipment: shipment)
        // Before anything is put together that makes spans.
        let traces = TraceExport.start(settings.telemetry, role: module.name, instance: settings.kafka.instance)
        let runtime = RoleRuntime(
            module, settings: settings, health: HealthRegistry(), logger: Logger(label: module.name), traces: traces,
            logs: shipment)
        let running: Running
        do {
            try shipment?.start()
            running = try runtime.assemble { try Supervision.running($0, module) }
        } catch let error as SettingsError {
            throw error
        } catch {
            // Nothing is connected to while a role is put together: what fails here is what it was told.
            throw SettingsError(problems: ["\(error)"])
        }
        do {
            try await runtime.run(running)
        } catch let failure as ThreadGroup.PartFailed where failure.cause is RetiredSteps {
            // Starting again can't help: this program is the wrong one.
            throw SettingsError(problems: ["\(failure.cause)"])
        }
    }

    /// The same for every role, after what it does.
    private static func discussion(_ guide: ServiceModule.Guide) -> String {
        let examples = guide.examples.isEmpty ? "  orderflow \(module.name)" : guide.examples
        return """
            \(guide.discussion)

            Runs in the foreground until SIGTERM or Ctrl-C, then finishes what it has in hand, for shutdown.deadline at \
            most; a second Ctrl-C ends it at once. Any number may run, on any machines: they share the work. Servers that \
            are away are waited for, and /readyz says so. /livez, /readyz and /metrics are on http.port + \
            \(module.port) (--port, \(module.name).http.port). Log lines go to stderr.

            EXAMPLES
            \(examples)
            """
    }
}
