import Bench
import Execution
import OrderflowKit
import Outbound

/// CPU time and memory of the roles, from their `/metrics`, and of servers, from the kernel.
final class RoleUsage {
    struct Cost: Sendable {
        let name: String
        let cpuSeconds: Double
        let memoryBytes: Int
    }

    private let endpoints: [(role: String, url: String)]
    private let servers: [ServerProcess]
    private let client: HTTPClient
    private var before: [String: ProcessUsage] = [:]
    private var ownBefore = 0.0

    private let credentials: [(name: String, value: String)]

    /// - Parameter credentials: header fields that tell the roles who asks.
    init(_ settings: Settings, servers: [ServerProcess], credentials: [(name: String, value: String)]) {
        self.credentials = credentials
        endpoints = settings.services.modules.map { ($0.name, settings.url(of: $0) + "/metrics") }
        self.servers = servers
        var configuration = HTTPClient.Configuration()
        configuration.connectTimeout = .milliseconds(200)
        configuration.timeout = .seconds(2)
        client = HTTPClient(configuration)
    }

    func start() {
        before = sample()
        ownBefore = ProcessUsage.own()
    }

    /// What was used since `start`, in the order of the roles; those that don't answer are left out.
    func stop() -> [Cost] {
        let own = ProcessUsage.own() - ownBefore
        let now = sample()
        let names = endpoints.map(\.role) + servers.map(\.name)
        let costs = names.compactMap { name -> Cost? in
            guard let before = before[name], let now = now[name] else { return nil }
            return Cost(
                name: name, cpuSeconds: now.cpuSeconds - before.cpuSeconds, memoryBytes: now.memoryBytes)
        }
        return costs + [Cost(name: "bench", cpuSeconds: own, memoryBytes: 0)]
    }

    private func sample() -> [String: ProcessUsage] {
        var usages: [String: ProcessUsage] = [:]
        for (role, url) in endpoints {
            guard let answer = try? client.send(HTTPClient.Request(url: url, headers: credentials)),
                answer.status == 200
            else { continue }
            usages[role] = Self.usage(String(decoding: answer.body, as: UTF8.self))
        }
        for server in servers { usages[server.name] = ProcessUsage.of(server.pid) }
        return usages
    }

    /// Nil where the text isn't that of a role.
    private static func usage(_ text: String) -> ProcessUsage? {
        var usage = ProcessUsage()
        var isRole = false
        for line in text.split(separator: "\n") {
            guard let value = line.split(separator: " ").last.flatMap({ Double($0) }) else { continue }
            if line.hasPrefix("process_cpu_seconds_total ") { usage.cpuSeconds = value }
            if line.hasPrefix("process_resident_memory_bytes ") { usage.memoryBytes = Int(Int64(saturating: value)) }
            if line.hasPrefix("orderflow_build_info") { isRole = true }
        }
        return isRole ? usage : nil
    }
}
