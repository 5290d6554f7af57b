import OrderflowKit
import Orders
import UserFacts

extension Replica {
    /// Whom an invoice goes to, and where: the latest that was said of a user, by the time at which it was said. The two
    /// parts are said apart, in whatever order.
    package static let recipients = Replica(
        "recipients", table: "invoice_recipients", of: .userEvents, key: ["user_id"],
        parts: [
            ReplicaPart(
                "user", from: UserCreated.self, by: { [$0.userID] },
                columns: [.text("name") { $0.name }, .text("email") { $0.email }]),
            ReplicaPart(
                "address", from: AccountCreated.self, by: { [$0.userID] },
                columns: [.text("address") { $0.address.text }]),
        ])
}
