import HTTPServer

/// Which names the dashboard answers to. A page elsewhere can have its own name lead to our address (DNS rebinding) and
/// read, as its own, what listens on 127.0.0.1; but the `Host` it asks for is then still that name.
struct DashboardHosts: Sendable {
    private let names: Set<String>

    init(_ names: [String]) { self.names = Set(names.map { $0.lowercased() }) }

    /// Refuses requests under other names.
    var middleware: Middleware {
        .check { request throws(HTTPProblem) in
            guard let host = request.header("Host"), allows(host) else {
                throw HTTPProblem(
                    .forbidden, detail: "the dashboard isn't shown under this name; see the setting dashboard.hosts")
            }
        }
    }

    /// - Parameter host: a name or an address, with or without a port.
    func allows(_ host: String) -> Bool {
        // IPv6 stands in brackets.
        if host.hasPrefix("[") { return true }
        let name = host.prefix { $0 != ":" }.lowercased()
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let isAddress = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return isAddress || name == "localhost" || name.hasSuffix(".localhost") || names.contains(name)
    }
}
