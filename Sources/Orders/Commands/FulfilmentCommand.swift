/// What the fulfilment asks of its participants. Undo commands mean "make sure that it is undone".
public struct FulfilmentCommand: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case reserveStock(items: [OrderLine])
        case releaseStock
        case processPayment(userID: String, amount: Money, paymentToken: String?)
        case refundPayment(reason: String)
        case confirmOrder
        case cancelOrder(reason: String)
    }

    public let orderID: String
    public let kind: Kind

    public init(orderID: String, _ kind: Kind) {
        self.orderID = orderID
        self.kind = kind
    }
}

/// The names of commands on the wire.
public enum CommandType {
    public static let reserveStock = "ReserveStock"
    public static let releaseStock = "ReleaseStock"
    public static let processPayment = "ProcessPayment"
    public static let refundPayment = "RefundPayment"
    public static let confirmOrder = "ConfirmOrder"
    public static let cancelOrder = "CancelOrder"

    public static let all: Set<String> = [
        reserveStock, releaseStock, processPayment, refundPayment, confirmOrder, cancelOrder,
    ]
}

extension FulfilmentCommand.Kind {
    public var type: String {
        switch self {
        case .reserveStock: CommandType.reserveStock
        case .releaseStock: CommandType.releaseStock
        case .processPayment: CommandType.processPayment
        case .refundPayment: CommandType.refundPayment
        case .confirmOrder: CommandType.confirmOrder
        case .cancelOrder: CommandType.cancelOrder
        }
    }
}
