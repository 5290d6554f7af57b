import Orders

/// Asks for the points of an order.
public struct EarnPoints: Command, Codable {
    public static let type = "EarnPoints"
    public let orderID: String
    public let userID: String
    public let points: Int
}

/// Asks for them back, whether they have been earned yet or not.
public struct TakeBackPoints: Command, Codable {
    public static let type = "TakeBackPoints"
    public let orderID: String
}

public struct PointsEarned: OrderFact, Codable {
    public static let type = "PointsEarned"
    public let orderID: String
    @WireTime public var at: Int64
}

public struct PointsTakenBack: OrderFact, Codable {
    public static let type = "PointsTakenBack"
    public let orderID: String
    @WireTime public var at: Int64
}
