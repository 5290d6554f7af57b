import HTTPServer
import JSON
import OrderflowKit
import Postgres

/// What is known of a batch at one moment.
struct BatchState: Hashable, Sendable {
    /// How far it is.
    enum Stage: String, Sendable, CaseIterable {
        /// Orders may still be added.
        case open
        /// All are known, and not all have ended.
        case running
        case completed
    }

    let batchID: String
    let policy: String
    /// The user whose orders it has; nil for everybody's.
    let owner: String?
    /// Known once it is sealed.
    let lines: Int?
    let isWhole: Bool?
    let refused: Int
    /// Orders so far.
    let accepted: Int
    let confirmed: Int
    let cancelled: Int
    /// Microseconds since the Unix epoch, as all times.
    let openedAt: Int64
    let sealedAt: Int64?
    let completedAt: Int64?

    var stage: Stage { completedAt != nil ? .completed : sealedAt != nil ? .running : .open }
    /// In an open batch an order may end before its part is read.
    var pending: Int { max(0, accepted - confirmed - cancelled) }

    /// Tells two states of a batch apart. As text in quotes it is the entity tag, bare it is the id of a streamed event.
    var tag: String { "\(accepted).\(confirmed).\(cancelled).\(stage.rawValue)" }

    /// - Parameter failures: a page of them, where they were asked for.
    func json(_ failures: (page: [BatchFailure], next: BatchFailure.Cursor?)? = nil) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.field("batchId", batchID)
            json.field("policy", policy)
            json.field("state", stage.rawValue)
            if let isWhole { json.field("whole", isWhole) }
            if let lines { json.field("lines", lines) }
            json.field("refused", refused)
            json.field("accepted", accepted)
            json.field("pending", pending)
            json.field("confirmed", confirmed)
            json.field("cancelled", cancelled)
            json.time("openedAt", openedAt)
            if let sealedAt { json.time("sealedAt", sealedAt) }
            if let completedAt { json.time("completedAt", completedAt) }
            guard let failures else { return }
            json.key("failed")
            json.array { json in
                for failure in failures.page { json.object { failure.write(into: &$0) } }
            }
            json.field("nextCursor", failures.next?.encoded)
        }
        return json.bytes
    }

    // MARK: Reading

    /// Those of a tenant's batches that are there, by id.
    static func load(
        _ batchIDs: [String], of tenant: String, on connection: Connection
    ) throws -> [String: BatchState] {
        let rows = try connection.query(
            """
            SELECT batch_id, policy, owner, lines, whole, coalesce(refused, 0),
                coalesce(accepted, (
                    SELECT coalesce(sum(p.accepted), 0)::int FROM batch_parts p
                    WHERE p.tenant = b.tenant AND p.batch_id = b.batch_id)),
                confirmed, cancelled, opened_at, sealed_at, completed_at
            FROM batches b WHERE tenant = $1 AND batch_id = ANY($2::text[])
            """, [.text(tenant), .textArray(batchIDs)])
        var found: [String: BatchState] = [:]
        for row in rows {
            let state = try BatchState(row)
            found[state.batchID] = state
        }
        return found
    }

    /// One batch; nil where there is none within reach.
    static func one(_ batchID: String, within reach: Reach, on connection: Connection) throws -> BatchState? {
        guard let state = try load([batchID], of: reach.tenant, on: connection)[batchID] else { return nil }
        // Callers who may see one user's orders alone see the batches that have no others.
        guard let owner = state.owner else { return reach.userID == nil ? state : nil }
        return reach.covers(owner) ? state : nil
    }

    private init(_ row: Row) throws {
        batchID = try row.get(0)
        policy = try row.get(1)
        owner = try row.get(2)
        lines = try row.get(3, as: Int32?.self).map { Int($0) }
        isWhole = try row.get(4)
        refused = Int(try row.get(5, as: Int32.self))
        accepted = Int(try row.get(6, as: Int32.self))
        confirmed = Int(try row.get(7, as: Int32.self))
        cancelled = Int(try row.get(8, as: Int32.self))
        openedAt = try row.get(9, as: Timestamp.self).microseconds
        sealedAt = try row.get(10, as: Timestamp?.self)?.microseconds
        completedAt = try row.get(11, as: Timestamp?.self)?.microseconds
    }
}

extension BatchFailure {
    fileprivate func write(into json: inout JSONWriter) {
        json.field("line", line)
        json.field("status", status.rawValue)
        json.field("orderId", orderID)
        json.field("pointer", pointer)
        json.field("reason", reason)
        json.time("at", at)
    }
}
