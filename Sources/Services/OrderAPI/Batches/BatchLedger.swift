import Messaging
import Postgres

/// Keeps batches' counts of their orders in the transactions that store them.
struct BatchLedger: BulkLedger {
    func lock(_ keys: [StreamKey], on connection: Connection) throws(PostgresError) -> Set<StreamKey> {
        Set(try BatchStore.lock(keys.map(BatchKey.init), on: connection).map(\.streamKey))
    }

    func add(_ counts: [(key: StreamKey, appended: Int)], on connection: Connection) throws(PostgresError) {
        try BatchStore.add(counts.map { (BatchKey($0.key), $0.appended) }, on: connection)
    }
}

extension BatchKey {
    init(_ key: StreamKey) { self.init(tenant: key.tenant, batchID: key.streamID) }

    /// What the event writer knows it by.
    var streamKey: StreamKey { StreamKey(tenant: tenant, streamID: batchID) }
}
