import Fulfilment
import JSON
import Messaging
import OrderflowKit
import Orders

/// One order on its way through the fulfilment saga, without any server: facts go in, commands come out.
///
///     var order = try SagaBench(.standard + [.loyalty])
///     #expect(try order.receive(OrderCreated(…)) == ["ReserveStock"])
///     #expect(try order.receive(StockReserved(…)) == ["ProcessPayment"])
public struct SagaBench {
    private let definition: SagaDefinition
    private var saga: SagaInstance
    private var now: Int64 = 1_000_000
    /// All commands so far: their types and payloads.
    public private(set) var commands: [(type: String, payload: JSONValue)] = []

    /// - Parameter services: whose steps the saga has.
    public init(_ services: [ServiceModule], order: String = "o-1") throws {
        definition = try FulfilmentSaga.definition(of: ServiceCatalogue(services))
        saga = SagaInstance(id: order, of: definition)
    }

    /// As `orderflow sagas` says it: running, completed, compensating, compensated.
    public var status: String { saga.status.rawValue }

    /// Why it is being undone.
    public var reason: String? { saga.reason }

    /// Hands the saga a fact about the order. Returns the types of the commands that follow from it.
    @discardableResult
    public mutating func receive(_ fact: some OrderFact) throws -> [String] {
        try move(.fact(type: type(of: fact).type, payload: fact.payload(), messageID: "\(now)"))
    }

    /// Lets the next deadline pass. Returns the types of the commands that follow from it.
    @discardableResult
    public mutating func passDeadline() throws -> [String] {
        now = max(now, saga.nextDeadline ?? now)
        return try move(.deadline)
    }

    private mutating func move(_ input: SagaInput) throws -> [String] {
        now += 1
        let transition = try definition.react(saga, to: input, at: now)
        saga = transition.instance
        commands += try transition.commands.map { ($0.type, try JSONValue(parsing: $0.payload)) }
        return transition.commands.map(\.type)
    }
}
