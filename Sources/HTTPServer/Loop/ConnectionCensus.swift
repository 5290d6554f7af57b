import Execution
import Synchronization

/// Counts open connections over all loops, for the caps.
final class ConnectionCensus: Sendable {
    private let limit: Int
    private let limitPerAddress: Int?
    private let total = Atomic(0)
    private let perAddress = Monitor([SocketAddress.Host: Int]())

    init(_ limits: HTTPServerConfiguration.Limits) {
        limit = limits.connections
        limitPerAddress = limits.connectionsPerAddress
    }

    var open: Int { total.load(ordering: .relaxed) }

    /// Counts a connection in, or says why not.
    func admit(_ host: SocketAddress.Host) -> ConnectionRefusal? {
        if total.wrappingAdd(1, ordering: .relaxed).newValue > limit {
            total.wrappingSubtract(1, ordering: .relaxed)
            return .connections
        }
        guard let limitPerAddress else { return nil }
        let isAdmitted = perAddress.withLock { counts in
            let count = counts[host, default: 0]
            guard count < limitPerAddress else { return false }
            counts[host] = count + 1
            return true
        }
        if isAdmitted { return nil }
        total.wrappingSubtract(1, ordering: .relaxed)
        return .connectionsPerAddress
    }

    func leave(_ host: SocketAddress.Host) {
        total.wrappingSubtract(1, ordering: .relaxed)
        guard limitPerAddress != nil else { return }
        perAddress.withLock { counts in
            let count = counts[host, default: 0]
            counts[host] = count > 1 ? count - 1 : nil
        }
    }
}
