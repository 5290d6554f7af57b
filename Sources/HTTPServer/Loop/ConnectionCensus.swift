import Execution
import Synchronization

/// Counts open connections over all loops, for the caps.
final class ConnectionCensus: Sendable {
    private let limit: Int
    private let limitPerAddress: Int?
    private let total = Atomic(0)
    private let perAddress = Monitor([SocketAddress.Origin: Int]())

    init(_ limits: HTTPServerConfiguration.Limits) {
        limit = limits.connections
        limitPerAddress = limits.connectionsPerAddress
    }

    var open: Int { total.load(ordering: .acquiring) }

    /// Counts a connection in, or says why not. The total comes last, here and in `leave`: by the time that it has moved,
    /// the address's count has too.
    func admit(_ origin: SocketAddress.Origin) -> ConnectionRefusal? {
        guard enter(origin) else { return .connectionsPerAddress }
        if total.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue > limit {
            leave(origin)
            return .connections
        }
        return nil
    }

    func leave(_ origin: SocketAddress.Origin) {
        if limitPerAddress != nil {
            perAddress.withLock { counts in
                let count = counts[origin, default: 0]
                counts[origin] = count > 1 ? count - 1 : nil
            }
        }
        total.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    private func enter(_ origin: SocketAddress.Origin) -> Bool {
        guard let limitPerAddress else { return true }
        return perAddress.withLock { counts in
            let count = counts[origin, default: 0]
            guard count < limitPerAddress else { return false }
            counts[origin] = count + 1
            return true
        }
    }
}
