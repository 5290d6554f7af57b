import OrderFacts
import Orders
import Testing

@testable import OrderAPI

/// The order aggregate: every command in every state.
@Suite struct OrderTests {
    private static let created = OrderEvent.created(
        OrderCreated(
            orderID: "o", userID: "u", items: [OrderLine(sku: "A", quantity: 1)],
            total: Money(minorUnits: 100, currency: .usd), createdAt: 1))

    /// The order after `commands`, all of which must be accepted.
    private func order(after commands: [OrderCommand]) throws -> Order {
        var order = try #require(Order.evolve(nil, Self.created))
        for command in commands {
            for event in try order.decide(command, at: 2) { order = try #require(Order.evolve(order, event)) }
        }
        return order
    }

    @Test func everyCommandInEveryState() throws {
        enum Answer: Equatable { case events([String]), refused(OrderRefusal) }
        let cancellation = OrderCommand.requestCancellation(reason: "customer")
        let states: [(String, [OrderCommand])] = [
            ("pending", []), ("cancelling", [cancellation]), ("confirmed", [.confirm]),
            ("cancelled", [.cancel(reason: "saga")]),
        ]
        let expected: [String: [Answer]] = [
            "pending": [
                .events(["OrderConfirmed"]), .events(["OrderCancellationRequested"]), .events(["OrderCancelled"]),
            ],
            "cancelling": [.refused(.beingCancelled(orderID: "o")), .events([]), .events(["OrderCancelled"])],
            "confirmed": [
                .events([]), .refused(.alreadyConfirmed(orderID: "o")), .refused(.alreadyConfirmed(orderID: "o")),
            ],
            "cancelled": [.refused(.alreadyCancelled(orderID: "o")), .events([]), .events([])],
        ]
        for (name, before) in states {
            let order = try order(after: before)
            #expect(order.status.rawValue == name)
            let answers = [OrderCommand.confirm, cancellation, .cancel(reason: "saga")].map { command -> Answer in
                do throws(OrderRefusal) {
                    return .events(try order.decide(command, at: 3).map(\.type))
                } catch {
                    return .refused(error)
                }
            }
            #expect(answers == expected[name], "\(name)")
        }
    }

    @Test func aCustomersWordsOutliveTheSagas() throws {
        let order = try order(after: [.requestCancellation(reason: "too late"), .cancel(reason: "saga")])
        #expect(order.cancellationReason == "too late")
        #expect(order.version == 3)
    }

    @Test func aHistoryThatMakesNoSenseIsNoOrder() throws {
        #expect(
            Order.evolve(
                nil,
                .cancelled(
                    OrderCancelled(
                        orderID: "o", userID: "u", total: Money(minorUnits: 1, currency: .usd), reason: "",
                        at: 0))) == nil)
        #expect(Order.evolve(try order(after: []), Self.created) == nil)
    }
}
