import Messaging
import OrderFacts
import Orders
import Postgres
import TestServers
import Testing

@testable import OrderAPI
@testable import OrderflowKit
@testable import Terminal

/// Choreography's end of the order service.
@Suite(.blocking) struct OrderOutcomeTests {
    static let reserved = FactDraft.stockReserved(items: Sample.order.items)
    static let processed = FactDraft.paymentProcessed(amount: Sample.order.total, reference: "r")
    static let shipped = FactDraft.shipmentCreated(shipmentID: "s")

    struct Scenario: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let facts: [FactDraft]
        let commands: [OrderCommand]
    }

    static let scenarios = [
        Scenario(testDescription: "all three", facts: [reserved, processed, shipped], commands: [.confirm]),
        Scenario(
            testDescription: "in another order, and twice",
            facts: [shipped, shipped, processed, reserved, reserved, processed], commands: [.confirm]),
        Scenario(testDescription: "two are not enough", facts: [reserved, shipped], commands: []),
        Scenario(
            testDescription: "the first failure cancels, the second changes nothing",
            facts: [shipped, .stockRejected(reason: "none", sku: nil), .paymentFailed(reason: "no")],
            commands: [.cancel(reason: "stock: none")]),
        Scenario(
            testDescription: "no success helps after a failure",
            facts: [.paymentFailed(reason: "no"), reserved, processed, shipped],
            commands: [.cancel(reason: "payment: no")]),
        Scenario(
            testDescription: "a customer cancels",
            facts: [reserved, .orderCancellationRequested(reason: "late"), processed, shipped],
            commands: [.cancel(reason: "late")]),
        Scenario(
            testDescription: "a customer was quicker than the confirmation",
            facts: [reserved, processed, shipped, .orderCancellationRequested(reason: "late")],
            commands: [.confirm, .cancel(reason: "late")]),
        Scenario(
            testDescription: "a failure after everything had succeeded is too late",
            facts: [reserved, processed, shipped, .shipmentFailed(reason: "lost")], commands: [.confirm]),
    ]

    @Test(arguments: scenarios) func outcomesDecide(_ scenario: Scenario) throws {
        let rules = OutcomeRules(ServiceCatalogue.fulfilment.steps)
        var outcomes: OrderOutcomes?
        var commands: [OrderCommand] = []
        for kind in scenario.facts {
            let fact = kind.of("o", at: 1)
            guard let outcome = try rules.outcome(type: kind.type, payload: fact.payload()),
                let reaction = OrderOutcomes.react(to: outcome, outcomes, of: rules.steps)
            else { continue }
            outcomes = reaction.outcomes
            if let command = reaction.command { commands.append(command) }
        }
        #expect(commands == scenario.commands)
    }

    @Test(.servers) func batchesDecideOnManyOrders() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.orders.migrations), logger: quiet)
        defer { connection.close() }
        func tell(_ facts: (FactDraft, String)...) throws {
            try OrderOutcomeHandler(ServiceCatalogue.fulfilment.steps).apply(facts.map { fact($1, $0) }, on: connection)
        }
        // Orders of a foreign producer: nobody has adopted them yet.
        try tell(
            (Self.created("a"), "a"), (Self.created("b"), "b"), (Self.created("c"), "c"), (Self.reserved, "a"),
            (Self.reserved, "b"), (Self.shipped, "a"), (.paymentFailed(reason: "no"), "b"), (Self.reserved, "c"))
        #expect(try status(of: ["a", "b", "c"], on: connection) == [.pending, .cancelled, .pending])
        try tell((Self.processed, "a"), (Self.processed, "c"), (Self.processed, "b"))
        #expect(try status(of: ["a", "b", "c"], on: connection) == [.confirmed, .cancelled, .pending])
        // What comes of an order that isn't known yet waits for it.
        try tell((.paymentFailed(reason: "no"), "d"))
        #expect(try status(of: ["d"], on: connection) == [nil])
        try tell((Self.created("d"), "d"))
        #expect(try status(of: ["d"], on: connection) == [.cancelled])
    }

    /// The customer's request is in the event store, but its fact not yet here.
    @Test(.servers) func theAggregateDecidesBetweenConfirmationAndCancellation() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.orders.migrations), logger: quiet)
        defer { connection.close() }
        func tell(_ kinds: FactDraft...) throws {
            try OrderOutcomeHandler(ServiceCatalogue.fulfilment.steps).apply(
                kinds.map { fact("a", $0) }, on: connection)
        }
        try tell(Self.created("a"), Self.reserved, Self.processed)
        let key = OrderKey(tenant: "default", orderID: "a")
        let order = try #require(try OrderStreams.load([key], on: connection)[key])
        let request = try order.decide(.requestCancellation(reason: "late"), at: 2)
        let append = OrderStreams.append(request, to: key, at: order.version) { _ in
            EventMetadata(id: "x", source: OrderStreams.source, time: 2, correlationID: "c")
        }
        #expect(try EventStore.append([append], on: connection).isEmpty)
        try tell(Self.shipped)
        #expect(try status(of: ["a"], on: connection) == [.cancelling])
        try tell(.orderCancellationRequested(reason: "late"))
        #expect(try status(of: ["a"], on: connection) == [.cancelled])
    }

    private static func created(_ id: String) -> FactDraft {
        let sample = Sample.order
        return .orderCreated(
            OrderCreated(
                orderID: id, userID: sample.userID, items: sample.items, total: sample.total, createdAt: 1))
    }

    private func status(of ids: [String], on connection: Connection) throws -> [OrderStatus?] {
        let keys = ids.map { OrderKey(tenant: "default", orderID: $0) }
        let orders = try OrderStreams.load(keys, on: connection)
        return keys.map { orders[$0]?.status }
    }
}
