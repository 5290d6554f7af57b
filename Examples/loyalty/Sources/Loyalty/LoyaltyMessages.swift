import Orders

struct EarnPoints: Command, Codable {
    static let type = "EarnPoints"
    let orderID, userID: String
    let points: Int
}

struct TakeBackPoints: Command, Codable {
    static let type = "TakeBackPoints"
    let orderID: String
}

struct PointsEarned: OrderFact, Codable {
    static let type = "PointsEarned"
    let orderID: String
    @WireTime var at: Int64
}

struct PointsTakenBack: OrderFact, Codable {
    static let type = "PointsTakenBack"
    let orderID: String
    @WireTime var at: Int64
}
