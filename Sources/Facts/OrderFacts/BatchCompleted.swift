import JSON
import Orders
import Schemas

/// All orders of a batch have ended, and no more will come: said once of each batch.
public struct BatchCompleted: BatchFact {
    public static let type = "BatchCompleted"

    public let batchID: String
    /// Orders that the batch has: each of them is confirmed or cancelled.
    public let accepted: Int
    public let confirmed: Int
    public let cancelled: Int
    /// Lines that were no orders, or none that could be taken.
    public let refused: Int
    /// False where the client went away in the middle and didn't come back in time.
    public let isWhole: Bool
    /// Microseconds since the Unix epoch, as all times.
    public let openedAt: Int64
    public let sealedAt: Int64
    public let at: Int64

    public init(
        batchID: String, accepted: Int, confirmed: Int, cancelled: Int, refused: Int, isWhole: Bool, openedAt: Int64,
        sealedAt: Int64, at: Int64
    ) {
        self.batchID = batchID
        self.accepted = accepted
        self.confirmed = confirmed
        self.cancelled = cancelled
        self.refused = refused
        self.isWhole = isWhole
        self.openedAt = openedAt
        self.sealedAt = sealedAt
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "All orders of a batch have ended, and no more will come: said once of each batch.",
        [
            .init(1, "batchId", .text),
            .init(2, "accepted", .int64, "Orders: confirmed and cancelled ones together."),
            .init(3, "confirmed", .int64),
            .init(4, "cancelled", .int64),
            .init(5, "refused", .int64, "Lines that became no order."),
            .init(6, "whole", .bool, "False where the client went away in the middle and didn't come back in time."),
            .init(7, "openedAt", .time),
            .init(8, "sealedAt", .time),
            .init(9, "completedAt", .time),
        ])

    public init(_ fields: BatchFields) throws(PayloadError) {
        batchID = fields.batchID
        accepted = try fields.require(fields.accepted, "accepted")
        confirmed = try fields.require(fields.confirmed, "confirmed")
        cancelled = try fields.require(fields.cancelled, "cancelled")
        refused = try fields.require(fields.refused, "refused")
        isWhole = try fields.require(fields.isWhole, "whole")
        openedAt = try fields.require(fields.openedAt, "openedAt")
        sealedAt = try fields.require(fields.sealedAt, "sealedAt")
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("batchId", batchID)
        json.field("accepted", accepted)
        json.field("confirmed", confirmed)
        json.field("cancelled", cancelled)
        json.field("refused", refused)
        json.field("whole", isWhole)
        json.time("openedAt", openedAt)
        json.time("sealedAt", sealedAt)
        json.time("completedAt", at)
    }
}
