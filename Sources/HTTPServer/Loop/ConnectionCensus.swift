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

    var open: Int { total.load(ordering: .acquiring) }

    /// Counts a connection in, or says why not. The total comes last, here and in `leave`: by the time that it has moved,
    /// the address's count has too.
    func admit(_ host: SocketAddress.Host) -> ConnectionRefusal? {
        guard enter(host) else { return .connectionsPerAddress }
        if total.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue > limit {
            leave(host)
            return .connections
        }
        return nil
    }

    func leave(_ host: SocketAddress.Host) {
        if limitPerAddress != nil {
            perAddress.withLock { counts in
                let count = counts[host, default: 0]
                counts[host] = count > 1 ? count - 1 : nil
            }
        }
        total.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    private func enter(_ host: SocketAddress.Host) -> Bool {
        guard let limitPerAddress else { return true }
        return perAddress.withLock { counts in
            let count = counts[host, default: 0]
            guard count < limitPerAddress else { return false }
            counts[host] = count + 1
            return true
        }
    }
}
