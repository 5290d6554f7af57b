import OrderFacts
import Orders
import Testing

@testable import Shipping

/// One order's shipment through facts in every order that can happen.
@Suite struct ShipmentTests {
    private static func order(sku: String = "ABC", address: String? = nil) -> FactDraft {
        .orderCreated(
            OrderCreated(
                orderID: "o", userID: "u", items: [OrderLine(sku: sku, quantity: 1)],
                total: Money(minorUnits: 100, currency: .usd), createdAt: 0, shippingAddress: address))
    }

    private static let total = Money(minorUnits: 100, currency: .usd)
    private static let paid = FactDraft.paymentProcessed(amount: total, reference: "r")
    private static let confirmed = FactDraft.orderConfirmed(userID: "u", total: total)
    private static let cancelled = FactDraft.orderCancelled(userID: "u", total: total, reason: "r")

    /// Facts in, types of facts out.
    private func life(_ facts: [FactDraft]) -> (types: [String], status: Shipment.Status?) {
        var shipment: Shipment?
        var types: [String] = []
        for fact in facts {
            guard
                let reaction = Shipment.react(to: fact.of("o"), shipment, newID: "shipment-1")
            else { continue }
            shipment = reaction.shipment
            if let answer = reaction.answer { types.append(answer.fact(of: "o", at: 0).type) }
        }
        return (types, shipment?.status)
    }

    @Test func everyLife() {
        let created = Self.order()
        let unshippable = Self.order(sku: Shipment.unshippableSKU)
        let undeliverable = Self.order(address: "UNDELIVERABLE 1")
        let table: [([FactDraft], [String], Shipment.Status)] = [
            ([created], ["ShipmentCreated"], .prepared),
            ([created, created], ["ShipmentCreated"], .prepared),
            ([created, Self.paid, Self.confirmed], ["ShipmentCreated", "ShipmentDispatched"], .dispatched),
            ([created, Self.confirmed, Self.confirmed], ["ShipmentCreated", "ShipmentDispatched"], .dispatched),
            ([created, Self.cancelled, Self.cancelled], ["ShipmentCreated", "ShipmentCancelled"], .cancelled),
            ([created, Self.confirmed, Self.cancelled], ["ShipmentCreated", "ShipmentDispatched"], .dispatched),
            ([created, Self.cancelled, Self.confirmed], ["ShipmentCreated", "ShipmentCancelled"], .cancelled),
            ([Self.cancelled, created], ["ShipmentCancelled"], .cancelled),
            ([unshippable, Self.confirmed], ["ShipmentFailed"], .failed),
            ([unshippable, Self.cancelled], ["ShipmentFailed"], .failed),
            ([undeliverable], [], .checking),
            ([undeliverable, Self.paid, Self.paid], ["ShipmentFailed"], .failed),
            ([undeliverable, Self.cancelled, Self.paid], ["ShipmentCancelled"], .cancelled),
            ([undeliverable, Self.confirmed], [], .checking),
        ]
        for (facts, types, status) in table {
            let result = life(facts)
            #expect(result.types == types, "\(facts.map(\.type))")
            #expect(result.status == status, "\(facts.map(\.type))")
        }
        #expect(life([Self.confirmed]).status == nil)
    }
}
