import Execution
import JSON
import Messaging
import OrderFacts
import Orders
import Postgres
import TestServers
import Testing

@testable import Fulfilment
@testable import OrderAPI
@testable import OrderflowKit

/// A step of another team's service: everything follows from its value.
@Suite(.blocking) struct FulfilmentStepTests {
    private static let commands = Topic("loyalty_commands", called: "loyalty-commands", "From the saga to loyalty.")

    private struct EarnPoints: Command, Codable {
        static let type = "EarnPoints"
        let orderID: String
        let userID: String
        let reason: String
    }

    private struct RevokePoints: Command, Codable {
        static let type = "RevokePoints"
        let orderID: String
        let userID: String
        let reason: String
    }

    private static let earn = FulfilmentStep.Command(commands) { order, reason in
        EarnPoints(orderID: order.orderID, userID: order.userID, reason: reason)
    }
    private static let revoke = FulfilmentStep.Command(commands) { order, reason in
        RevokePoints(orderID: order.orderID, userID: order.userID, reason: reason)
    }

    private static let loyalty = ServiceModule("loyalty", port: 20, summary: "gives points") {
        Owns(commands)
        FulfilmentStep(
            "points", after: ["payment"], asks: earn, succeededBy: ["PointsEarned"],
            failedBy: ["PointsRefused"], within: .seconds(45),
            undoneBy: .init(revoke, doneBy: ["PointsRevoked"]))
    }

    private static let services = ServiceCatalogue([.api, loyalty, .shipping, .payment, .inventory, .saga])

    @Test func stepsFollowThoseThatTheyComeAfter() throws {
        let names = ["stock", "payment", "points", "shipment"]
        #expect(Self.services.steps.map(\.name) == names)
        // In whatever order the services are listed.
        #expect(ServiceCatalogue(Self.services.modules.reversed()).steps.map(\.name) == names)
        #expect(Self.services.lanes.map(\.step) == names + ["confirmation"])
        #expect(Self.services.lanes.map(\.service) == ["inventory", "payment", "loyalty", "shipping", "api"])
        #expect(
            Self.services.lanes.map(\.title)
                == ["Reserve stock", "Charge", "Points", "Prepare shipment", "Confirm"])
        // Shipping begins by itself.
        #expect(Self.services.lanes.map(\.isAsked) == [true, true, true, false, true])
        let definition = try FulfilmentSaga.definition(of: Self.services)
        #expect(definition.steps.map(\.id) == names + ["confirmation"])
        #expect(definition.steps.last?.after == names)
        #expect(
            definition.course.steps[2].compensation?.command.description == "RevokePoints on loyalty-commands")
        #expect(try definition.fingerprint != FulfilmentSaga.definition(of: .fulfilment).fingerprint)
    }

    @Test func aStepAfterNoneIsRefusedByName() {
        let lost = ServiceModule("lost", port: 21, summary: "comes after nothing that there is") {
            FulfilmentStep("late", after: ["nowhere"], asks: Self.earn, succeededBy: ["Tried"], within: .zero)
        }
        let error = #expect(throws: SagaDefinition.Invalid.self) {
            try FulfilmentSaga.definition(of: ServiceCatalogue([.api, .inventory, lost]))
        }
        #expect(error?.detail.contains("late") == true && error?.detail.contains("nowhere") == true)
        let nobody = #expect(throws: SagaDefinition.Invalid.self) {
            try FulfilmentSaga.definition(of: ServiceCatalogue([.inventory]))
        }
        #expect(nobody?.detail == "no service of this program confirms orders")
    }

    @Test func itsDeadlineIsASetting() throws {
        let key = try #require(Self.services.settings.key(named: "saga.points_deadline"))
        var settings = Settings(Self.services)
        func deadline() throws -> Duration? {
            try FulfilmentSaga.orchestrator(settings).definition.steps.first { $0.id == "points" }?.deadline
        }
        #expect(try deadline() == .seconds(45) && key.get(settings) == "45s")
        #expect(key.set("5s", &settings))
        #expect(try deadline() == .seconds(5))
        #expect(settings[StepDeadlines.self]["stock", .seconds(30)] == .seconds(30))
        #expect(!key.set("soon", &settings))
    }

    /// The whole way: asked for after the payment, waited for before the confirmation, undone first.
    @Test(.servers) func theSagaLeadsIt() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.saga.migrations), logger: quiet)
        defer { connection.close() }
        let orchestrator = try FulfilmentSaga.orchestrator(Settings(Self.services))
        let handler = SagaFactHandler(orchestrator)
        #expect(handler.types.isSuperset(of: ["PointsEarned", "PointsRefused", "PointsRevoked"]))
        func hear(_ type: String, _ payload: String, key: String = "o1") throws -> [String] {
            let message = InboundMessage(
                id: "\(type)-\(key)", type: type, schemaVersion: 1, payload: Array(payload.utf8), key: key,
                tenant: "default", correlationID: "c", traceparent: nil, time: 0, streamVersion: nil,
                source: InboundMessage.Source(topic: "order-events", partition: 0, offset: 0))
            return try connection.transaction { connection in
                var outbox: [OutgoingEvent] = []
                try handler.handle([message], on: connection, outbox: &outbox)
                return outbox.map { "\($0.type) on \($0.topic)" }
            }
        }
        func tell(_ draft: FactDraft) throws -> [String] {
            try hear(draft.type, String(decoding: draft.of("o1", at: 1).payload(), as: UTF8.self))
        }
        #expect(try tell(.orderCreated(Sample.order)) == ["ReserveStock on inventory-commands"])
        #expect(
            try tell(.stockReserved(items: Sample.order.items)) == ["ProcessPayment on payment-commands"])
        #expect(
            try tell(.paymentProcessed(amount: Sample.order.total, reference: "r"))
                == ["EarnPoints on loyalty-commands"])
        #expect(try tell(.shipmentCreated(shipmentID: "s")) == [])
        for broken in [#"{"points":1}"#, #"{"orderId":"o2"}"#, #"{"orderId":""}"#, #"{"orderId":7}"#, "[]", ""] {
            #expect(throws: MessageRejected.self) { try hear("PointsEarned", broken) }
        }
        // What no order is called, whatever the key says: the rule is that of all payloads about orders.
        for id in ["user:o1", String(repeating: "o", count: 201), "o\u{1}", "o\u{0}"] {
            let said = JSONValue.object(["orderId": .string(id)]).description
            #expect(throws: MessageRejected.self, "\(said)") { try hear("PointsEarned", said, key: id) }
            #expect(throws: PayloadError.self, "\(said)") {
                try OrderConfirmed(EncodedPayload(Array(said.utf8)))
            }
        }
        #expect(
            try hear("PointsRefused", #"{"orderId":"o1","reason":"no account"}"#) == [
                "RefundPayment on payment-commands"
            ])
        let shown = try #require(
            try SagaOperator(orchestrator).show(SagaKey(tenant: "default", id: "o1"), on: connection))
        #expect(shown.saga.instance.reason == "points: no account")
        // It came too late to be refused: it is undone before what it builds on.
        #expect(
            try hear("PointsEarned", #"{"orderId":"o1"}"#) == ["RevokePoints on loyalty-commands"])
    }

    @Test func inChoreographyTheOrderWaitsForIt() {
        let rules = OutcomeRules(Self.services.steps)
        #expect(rules.steps == ["stock", "payment", "points", "shipment"])
        var outcomes: OrderOutcomes?
        var commands: [OrderCommand] = []
        for type in ["StockReserved", "PaymentProcessed", "ShipmentCreated", "PointsEarned"] {
            #expect(commands.isEmpty, "before \(type)")
            let outcome = rules.outcome(type: type, payload: Array("{}".utf8))
            guard let outcome, let reaction = OrderOutcomes.react(to: outcome, outcomes, of: rules.steps) else {
                Issue.record("\(type) says nothing")
                continue
            }
            outcomes = reaction.outcomes
            if let command = reaction.command { commands.append(command) }
        }
        #expect(commands == [.confirm])
        #expect(
            rules.outcome(type: "PointsRefused", payload: Array(#"{"reason":"no account"}"#.utf8))
                == .failed(reason: "points: no account"))
        #expect(rules.outcome(type: "PointsRevoked", payload: []) == nil)
    }

    /// A daemon of the version before writes a column for each of the steps that it knows.
    @Test(.servers) func outcomesOfTheVersionBeforeCount() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.orders.migrations), logger: quiet)
        defer { connection.close() }
        let key = OrderKey(tenant: "default", orderID: "a")
        try OrderOutcomeStore.save([(key, OrderOutcomes(succeeded: ["stock", "points"]))], on: connection)
        _ = try connection.execute("UPDATE order_outcomes SET payment = true WHERE stock AND NOT shipment")
        #expect(
            try OrderOutcomeStore.load([key], on: connection)[key]?.succeeded == ["stock", "points", "payment"])
    }
}
