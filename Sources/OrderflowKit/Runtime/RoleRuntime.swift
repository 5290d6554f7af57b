import Execution
import Glibc
import HTTPServer
import Logging
import Postgres
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
        running.limits = context.limits
        return running
    }

    package func run(_ running: Running) async throws {
        // A reader that went away is an error of that write, not the end of the daemon.
        signal(SIGPIPE, SIG_IGN)
        DescriptorLimit.raise()
        MemoryReturn.enable()
        guard let gate = running.gate else { preconditionFailure("a role that wasn't assembled has no gate") }
        let router = Router(routes(running), gate: running.limits.map { LimitedGate(gate, $0) } ?? gate)
        Observability.metrics.collectors.watch(health)
        let server = HTTPServer(
            settings.http.server(port: settings.port(of: module)), router: router, observer: observer, logger: logger)
        Observability.metrics.collectors.watch(server)
        let stop = StopSignal()
        let requests = StopRequests.watch(stop)
        defer { requests.cancel() }
        Lifeline.watchFromEnvironment(logger: logger) {
            logger.warning("supervisor_gone")
            stop.stop()
        }
        let failure: (any Error)?
        do {
            try await live(running, server, until: stop)
            failure = nil
        } catch {
            failure = error
        }
        await finish()
        if let failure { throw failure }
    }

    /// From the start of the server and the parts to the end of both, which comes when one of the parts ends, or they
    /// are asked to.
    private func live(_ running: Running, _ server: HTTPServer, until stop: StopSignal) async throws {
        do {
            _ = try server.start()
        } catch {
            guard error.isMisconfiguration else { throw error }
            throw SettingsError(problems: ["http.host: \(error)"])
        }
        // A role without parts lives by its server alone: threads that have nothing to do would end, and it with them.
        let parts = running.parts.isEmpty ? nil : RunningParts(running.parts, stop)
        logger.info("started", metadata: ["pid": "\(getpid())"])
        await stop.stopped()
        health.stopping()
        logger.info("stopping", metadata: ["deadline": "\(DurationText.write(settings.shutdown.deadline))"])
        endInTime()
        // The parts need some of the time too: a client that never ends its request must not take it all.
        let drain = settings.shutdown.deadline / 2
        if running.servesFromParts { await server.stop(deadline: drain) }
        let outcome = await parts?.end()
        if !running.servesFromParts { await server.stop(deadline: drain) }
        try outcome?.get()
        logger.info("stopped")
    }

    /// Sees to it that the process ends by the deadline, whatever hangs.
    private func endInTime() {
        let deadline = settings.shutdown.deadline
        DedicatedThread.start("deadline") { [logger] in
            StopSignal().wait(for: deadline)
            // Whatever isn't committed is done again after the restart.
            logger.critical("shutdown_deadline_passed", metadata: ["deadline": "\(DurationText.write(deadline))"])
            _exit(ExitStatus.failure)
        }
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

/// The parts of a role, on threads of their own.
private struct RunningParts {
    private let stop = StopSignal()
    private let work: Task<Void, any Error>

    /// - Parameter end: told when they have ended, for whatever reason.
    init(_ parts: [ThreadGroup.Part], _ end: StopSignal) {
        work = Task { [stop] in
            defer { end.stop() }
            try await DedicatedThread.run("role") { try ThreadGroup.run(parts, until: stop) }
        }
    }

    /// Asks them to end and waits until they have. A failure before that is their outcome too.
    func end() async -> Result<Void, any Error> {
        stop.stop()
        return await work.result
    }
}

extension Settings.HTTP {
    /// For a server on `port` with these limits.
    fileprivate func server(port: Int) -> HTTPServerConfiguration {
        var server = HTTPServerConfiguration(host: host, port: UInt16(clamping: port))
        if let loops { server.loops = loops }
        server.site = SitePolicy(names: HostNames(allowedHosts + [host]), origins: corsOrigins)
        server.proxies = TrustedProxies(trustedProxies)
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
