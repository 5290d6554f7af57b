import Execution
import Glibc
import HTTPServer
import Logging
import Postgres
import ServiceLifecycle
import Telemetry

/// Runs one role as a daemon until SIGTERM, SIGINT, or the end of its supervisor: its parts on threads of their own,
/// its HTTP server beside them.
package struct RoleRuntime: Sendable {
    package let module: ServiceModule
    package let settings: Settings
    package let health: HealthRegistry
    package let logger: Logger
    /// Nil where no spans are exported.
    package var traces: TraceExport?
    /// Nil where no log lines are shipped.
    package var logs: LogShipment?

    package init(
        _ module: ServiceModule, settings: Settings, health: HealthRegistry, logger: Logger, traces: TraceExport? = nil,
        logs: LogShipment? = nil
    ) {
        self.module = module
        self.settings = settings
        self.health = health
        self.logger = logger
        self.traces = traces
        self.logs = logs
    }

    /// Builds the service from the settings. Connects to nothing yet: a server that is away is waited for by the parts.
    ///
    /// - Parameter others: what the program adds to the service of its own.
    package func assemble(adding others: (ServiceContext) throws -> Running = { _ in Running() }) throws -> Running {
        let context = try ServiceContext(
            of: module, settings, health: health, collectors: Observability.metrics.collectors, logger: logger)
        Observability.metrics.describe(module.metricHelp)
        var running = try module.running(context)
        if module.database != nil {
            running.parts = try ServiceProcess(module, context, besides: running).parts + running.parts
        }
        if let admission = running.admission { running.parts = admission(running.parts) }
        running.join(try others(context))
        let access = try AccessControl(context, isSeen: module.duties.contains(.dashboard))
        running.gate = running.widening?(access.gate) ?? access.gate
        running.parts += access.parts
        return running
    }

    package func run(_ running: Running) async throws {
        // A reader that went away is an error of that write, not the end of the daemon.
        signal(SIGPIPE, SIG_IGN)
        DescriptorLimit.raise()
        MemoryReturn.enable()
        guard let gate = running.gate else { preconditionFailure("a role that wasn't assembled has no gate") }
        let router = Router(routes(running), gate: gate)
        Observability.metrics.collectors.watch(health)
        let server = HTTPServer(
            settings.http.server(port: settings.port(of: module)), router: router, observer: observer, logger: logger)
        Observability.metrics.collectors.watch(server)
        // The parts need some of the time too: a client that never ends its request must not take it all.
        let http = ServerService(server: server, deadline: settings.shutdown.deadline / 2)
        // A role without parts lives by its server alone: threads that have nothing to do would end, and it with them.
        let threads: [any Service] = running.parts.isEmpty ? [] : [ThreadsService(parts: running.parts)]
        // A group stops its services in reverse.
        let services: [any Service] = running.servesFromParts ? threads + [http] : [http] + threads
        let shutdown = ShutdownService(deadline: settings.shutdown.deadline, health: health, logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: (services + [shutdown]).map {
                    .init(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        Lifeline.watchFromEnvironment(logger: logger) {
            logger.warning("supervisor_gone")
            Task { await group.triggerGracefulShutdown() }
        }
        let impatience = Impatience.watch()
        defer { impatience.cancel() }
        logger.info("started", metadata: ["pid": "\(getpid())"])
        do {
            try await group.run()
            logger.info("stopped")
        } catch {
            await finish()
            throw error
        }
        await finish()
    }

    /// Ends what isn't a part. What is told of the last moments goes out too, in the time that is left for it.
    private func finish() async {
        let limit = min(settings.shutdown.deadline / 8, .seconds(2))
        try? await DedicatedThread.run("ending") {
            ConnectionPool.shutdownAll(deadline: limit)
            traces?.stop(within: limit)
            // The last one to go: others may still have something to say.
            logs?.stop(within: limit)
        }
    }

    private var observer: any HTTPObserver {
        Traces.current.map { HTTPTraces($0, then: HTTPMetrics()) } ?? HTTPMetrics()
    }

    /// All that the role answers.
    package func routes(_ running: Running) -> [Routes] {
        HealthRoutes.routes(health, metrics: { Observability.metrics.exposition() }) + running.routes
    }
}

/// The parts of a role, as a service.
private struct ThreadsService: Service {
    let parts: [ThreadGroup.Part]

    func run() async throws {
        let stop = StopSignal()
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await DedicatedThread.run("role") { try ThreadGroup.run(parts, until: stop) }
            } onGracefulShutdown: {
                stop.stop()
            }
        } onCancel: {
            stop.stop()
        }
    }
}

private struct ServerService: Service {
    let server: HTTPServer
    let deadline: Duration

    func run() async throws {
        do {
            _ = try server.start()
        } catch {
            guard error.isMisconfiguration else { throw error }
            throw SettingsError(problems: ["http.host: \(error)"])
        }
        // Throws when cancelled, which is a reason to stop like any other.
        try? await gracefulShutdown()
        await server.stop(deadline: deadline)
    }
}

/// The last one in the group, and so the first to hear of a shutdown: makes the daemon unready, and sees to it that
/// the process ends in time whatever hangs.
private struct ShutdownService: Service {
    let deadline: Duration
    let health: HealthRegistry
    let logger: Logger

    func run() async throws {
        try? await gracefulShutdown()
        health.stopping()
        logger.info("stopping", metadata: ["deadline": "\(DurationText.write(deadline))"])
        DedicatedThread.start("deadline") {
            StopSignal().wait(for: deadline)
            // Whatever isn't committed is done again after the restart.
            logger.critical("shutdown_deadline_passed", metadata: ["deadline": "\(DurationText.write(deadline))"])
            _exit(ExitStatus.failure)
        }
    }
}

extension Settings.HTTP {
    /// For a server on `port` with these limits.
    fileprivate func server(port: Int) -> HTTPServerConfiguration {
        var server = HTTPServerConfiguration(host: host, port: UInt16(clamping: port))
        if let loops { server.loops = loops }
        server.limits.connections = connections
        server.limits.connectionsPerAddress = connectionsPerAddress
        server.limits.bodyBytes = bodyLimit
        server.limits.headBytes = headLimit
        server.limits.requestLineBytes = min(server.limits.requestLineBytes, headLimit)
        server.timeouts.head = headTimeout
        server.timeouts.body = bodyTimeout
        server.timeouts.idle = idleTimeout
        server.limits.totalUnsentBytes = unsentLimit
        server.timeouts.write = writeTimeout
        server.timeouts.leastRate = leastRate
        return server
    }
}
