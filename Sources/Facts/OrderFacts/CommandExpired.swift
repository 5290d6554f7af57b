import JSON
import Orders
import Schemas

/// A command came later than its `ce_expirytime` and was not done, nor will be: said by the service that was to do it.
public struct CommandExpired: OrderFact {
    public static let type = "CommandExpired"

    public let orderID: String
    /// The command's type.
    public let command: String
    /// Its `ce_id`.
    public let commandID: String
    /// Microseconds since the Unix epoch, as all times.
    public let expiresAt: Int64
    public let at: Int64

    public init(orderID: String, command: String, commandID: String, expiresAt: Int64, at: Int64) {
        self.orderID = orderID
        self.command = command
        self.commandID = commandID
        self.expiresAt = expiresAt
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "A command came later than its `ce_expirytime` and was not done, nor will be.",
        [
            .init(1, "orderId", .text),
            .init(2, "command", .text, "Its type."),
            .init(3, "commandId", .text, "Its `ce_id`."),
            .init(4, "expiresAt", .time),
            .init(5, "expiredAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        command = try fields.require(fields.command, "command")
        commandID = try fields.require(fields.commandID, "commandId")
        expiresAt = try fields.require(fields.expiresAt, "expiresAt")
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("command", command)
        json.field("commandId", commandID)
        json.time("expiresAt", expiresAt)
        json.time("expiredAt", at)
    }
}
