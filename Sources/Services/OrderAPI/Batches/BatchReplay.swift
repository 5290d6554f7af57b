import Messaging
import Postgres

/// Lines whose orders were there already, compared with what they were.
enum BatchReplay {
    enum Verdict: Sendable {
        /// The same order, stored before.
        case same
        case refused(BatchRefusal)
    }

    /// By lines. One that isn't there after all is of a batch that is closed.
    static func look(_ orders: [BatchOrder], tenant: String, on connection: Connection) throws -> [Int: Verdict] {
        let events = try EventStore.load(
            tenants: orders.map { _ in tenant }, streamIDs: orders.map(\.orderID), categories: OrderStreams.categories,
            on: connection)
        var digests: [String: String] = [:]
        for event in events where event.version == 1 {
            let metadata = try event.metadata.withUnsafeBytes { try EventMetadata(json: $0) }
            digests[event.streamID] = metadata.requestDigest ?? ""
        }
        return Dictionary(
            orders.map { order in
                guard let known = digests[order.orderID] else { return (order.line, .refused(.closed)) }
                return (order.line, known == order.digest ? .same : .refused(.reused))
            }, uniquingKeysWith: { $1 })
    }
}
