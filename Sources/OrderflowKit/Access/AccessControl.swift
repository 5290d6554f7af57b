import Execution
import Logging
import WebTokens

/// What lets requests into a process, and what that needs beside its routes.
package struct AccessControl: Sendable {
    package let gate: any AccessGate
    package let parts: [ThreadGroup.Part]

    /// Of a process that has been started with these settings. Throws for what was configured wrongly.
    ///
    /// - Parameter isSeen: whether the process is one whose health stands for the installation's: an open door is told of once.
    package init(_ context: ServiceContext, isSeen: Bool) throws {
        let settings = context.settings
        guard try settings.accessMode() == .required else {
            if !settings.http.isLoopback { Self.warn(context, isSeen: isSeen) }
            gate = OpenGate()
            parts = []
            return
        }
        let ring = APIKeyRing()
        let reader = APIKeyReader(ring, database: try context.database(of: .access), logger: context.logger)
        context.health.register("api keys") { ring.health }
        context.collectors.add { scrape in scrape.gauge("orderflow_auth_api_keys", [], value: Double(ring.count)) }
        let refusals = RefusalAudit(try context.database(of: .access), logger: context.logger)
        var parts = [
            ThreadGroup.Part("api-keys") { reader.run(until: $0) },
            ThreadGroup.Part("refusals") { refusals.run(until: $0) },
        ]
        var tokens: TokenCheck?
        if let source = settings.auth.source, let rules = settings.auth.rules {
            let keys = try TokenKeys(source, logger: context.logger)
            context.health.register("token keys") { keys.health }
            parts.append(ThreadGroup.Part("token-keys") { keys.run(until: $0) })
            tokens = TokenCheck(rules, keys: keys)
        }
        gate = CredentialGate(
            keys: ring, tokens: tokens, serviceKey: settings.auth.serviceKey, onRefusedRight: { refusals.note($0) })
        self.parts = parts
    }

    /// An open door is chosen here, and stays in sight: in the log, in `/readyz` and so on the dashboard.
    private static func warn(_ context: ServiceContext, isSeen: Bool) {
        let reason = "auth.mode is open: all who reach \(context.settings.http.host) may do everything"
        context.logger.warning("access_open", metadata: ["reason": "\(reason)"])
        if isSeen { context.health.register("access") { .degraded(reason) } }
    }
}
