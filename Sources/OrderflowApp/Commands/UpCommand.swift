import ArgumentParser
import Execution
import Foundation
import Glibc
import JSON
import Logging
import OrderflowKit
import Terminal

struct UpCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run every role on this machine, supervised.",
        discussion: """
            Starts each role as a process of its own, prints what runs where, and passes their log lines through. A \
            role that crashes is started again, with back-off. Ctrl-C or SIGTERM lets all of them finish what they \
            have in hand, for shutdown.deadline at most; a second Ctrl-C kills them. Should `up` itself be killed, \
            they notice and stop by themselves.

            Exit code 0 when all ended well on request, 1 otherwise: when a role had to be killed, or can't run with \
            its configuration.

            EXAMPLES
              orderflow up --prepare                     databases and topics first
              orderflow up --port 8080                   the API there, the others on the ports after it
              orderflow up --only api,projection
              orderflow up --without notification
            """)

    @OptionGroup var options: SettingsOptions
    @OptionGroup var http: HTTPOptions

    @Flag(help: "First make databases, schemas and topics, waiting for the servers.")
    var prepare = false

    @Option(help: ArgumentHelp("Run these alone.", valueName: "role,…"))
    var only: String?

    @Option(help: ArgumentHelp("Run all but these.", valueName: "role,…"))
    var without: String?

    @Flag(help: "Say what runs where as JSON, one object a role.")
    var json = false

    /// What runs unless told otherwise: `api` answers queries too.
    static var defaultRoles: [ServiceModule] {
        OrderflowApp.services.modules.filter { !$0.duties.contains(.onRequest) }
    }

    func validate() throws {
        _ = try roles()
    }

    func execute() async throws {
        let loaded = try options.load(http.flags(portKey: "http.port"))
        let settings = loaded.settings
        guard settings.http.port != 0 else {
            throw SettingsError(problems: ["http.port: 0 would hide from you where the roles are; name a port"])
        }
        // Once, where each role would say it.
        _ = try settings.accessMode()
        Observability.start(settings.log, role: "up")
        let roles = try roles()
        let logger = Logger(label: "up")
        let stop = StopSignal()
        let serviceKey = try Self.serviceKey(settings)
        let keepers = try roles.map { role in
            RoleKeeper(name: role.name, command: try command(role, loaded, serviceKey: serviceKey), logger: logger)
        }
        // Each child has the same deadline; the grace lets it be the one that says what hung.
        let supervisor = Supervisor(keepers, deadline: settings.shutdown.deadline + .seconds(2), logger: logger)
        let requests = StopRequests.watch(stop) { supervisor.killAll() }
        defer { requests.cancel() }
        let (prepare, json) = (prepare, json)
        let isClean = try await DedicatedThread.run("supervisor") {
            if prepare {
                do {
                    try Preparation.run(settings, stop: stop)
                } catch is ServerWait.Stopped {
                    return true
                }
            }
            return try supervisor.run(until: stop) {
                let running = keepers.map { ($0.name, $0.pid) }
                tell(json ? Self.json(running, settings) : Self.table(running, settings))
            }
        }
        if !isClean { throw ExitCode(ExitStatus.failure) }
    }

    private func roles() throws -> [ServiceModule] {
        func parse(_ text: String) throws -> [ServiceModule] {
            try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
                guard let role = OrderflowApp.services[String(name)] else {
                    let names = OrderflowApp.services.names.joined(separator: ", ")
                    throw ValidationError("there is no role \(name); there are \(names)")
                }
                return role
            }
        }
        let chosen = try only.map(parse) ?? Self.defaultRoles
        let excluded = try without.map(parse) ?? []
        let wanted = Set(chosen.map(\.name)).subtracting(excluded.map(\.name))
        let roles = OrderflowApp.services.modules.filter { wanted.contains($0.name) }
        guard !roles.isEmpty else { throw ValidationError("no role is left to run") }
        return roles
    }

    /// What the roles show each other where callers are asked who they are and none is configured; nil otherwise.
    private static func serviceKey(_ settings: Settings) throws -> String? {
        guard try settings.accessMode() == .required, settings.auth.serviceKey == nil else { return nil }
        return APIKey.generate()
    }

    private func command(
        _ role: ServiceModule, _ loaded: LoadedSettings, serviceKey: String?
    ) throws -> ChildProcess.Command {
        var environment = ProcessInfo.processInfo.environment
        environment.merge(loaded.flagsAsEnvironment) { _, flag in flag }
        if let serviceKey { environment[SettingKey.environmentName(of: "auth.service_key")] = serviceKey }
        environment[SettingsEnvironment.supervisorDescriptor] = String(Lifeline.childDescriptor)
        if let config = options.config { environment[SettingsEnvironment.configFile] = config }
        // Not even by `/proc/…/environ`: what a daemon doesn't know can't be read from it.
        for name in loaded.administratorsSettings { environment[SettingKey.environmentName(of: name)] = nil }
        return ChildProcess.Command(
            executable: Self.ownExecutable, arguments: [role.name], environment: environment)
    }

    /// `/proc/self/exe` itself would show as "exe" in process lists.
    private static let ownExecutable =
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]

    static func json(_ running: [(name: String, pid: pid_t?)], _ settings: Settings) -> TerminalText {
        running.map { name, pid in
            var json = JSONWriter()
            json.object {
                $0.field("role", name)
                if let pid { $0.field("pid", Int(pid)) }
                $0.field("url", url(name, settings))
            }
            return TerminalText(json: json.bytes)
        }.joined()
    }

    private static func url(_ name: String, _ settings: Settings) -> String? {
        settings.services[name].map { settings.url(of: $0) }
    }

    static func table(_ running: [(name: String, pid: pid_t?)], _ settings: Settings) -> TerminalText {
        let rows = running.map { name, pid in
            [name, pid.map(String.init) ?? "-", url(name, settings) ?? "", settings.services[name]?.summary ?? ""]
        }
        return TextTable.write([["ROLE", "PID", "URL", ""]] + rows)
    }
}
