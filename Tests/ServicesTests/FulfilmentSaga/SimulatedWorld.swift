import InventoryFacts
import Messaging
import OrderFacts
import Orders
import PaymentFacts

@testable import Inventory
@testable import OrderAPI
@testable import OrderflowKit
@testable import Payment
@testable import Shipping
@testable import Terminal

/// One order's way through all services, without any of their I/O: topics are arrays, transactions are copies of
/// values, and a random schedule decides who does what next.
///
/// What can happen to the real ones can happen here: a relay publishes late, and again after a crash; a consumer
/// crashes before its commit; time passes while everybody is away; the customer cancels whenever they like.
struct SimulatedWorld {
    enum Topic: Int, CaseIterable { case events, inventory, payment, orders }
    enum Service: Int, CaseIterable { case orders, shipping, inventory, payment, saga }

    struct Record {
        enum Body {
            case fact(any OrderFact)
            case command(any Command, expiresAt: Int64?)
        }

        let id: Int
        let body: Body
    }

    /// What one service has in its database.
    struct Database {
        var outbox: [(topic: Topic, record: Record)] = []
        var published = 0
        var offsets = [Int](repeating: 0, count: Topic.allCases.count)
        var inbox: Set<Int> = []
    }

    /// Fates that are decided beforehand.
    struct Fate {
        var soldOut = false
        var declined = false
        var unshippable = false
        var refusals = 0
        var cancels = false
        /// Ids are forgotten at once, so that only the state machines keep repeats from having effects.
        var forgetsIDs = false
    }

    let mode: FulfilmentMode
    let fate: Fate
    let definition: SagaDefinition
    var topics = [[Record]](repeating: [], count: Topic.allCases.count)
    var databases = [Database](repeating: Database(), count: Service.allCases.count)
    var order: Order?
    var outcomes: OrderOutcomes?
    private static let rules = OutcomeRules(ServiceCatalogue.fulfilment.steps)
    var shipment: Shipment?
    var stock: StockLevels
    var reservation: StockReservation?
    var payment: PaymentProcess?
    var gateway: ModelGateway
    var saga: SagaInstance
    var hasCancelled = false
    /// Steps that an operator took care of.
    var resolved: Set<String> = []
    var now: Int64 = 1_000_000
    var nextID = 0

    init(mode: FulfilmentMode, fate: Fate, definition: SagaDefinition) throws {
        self.mode = mode
        self.fate = fate
        self.definition = definition
        stock = StockLevels(["ABC": .init(onHand: fate.soldOut ? 1 : 10)], unknownSKU: .reject)
        gateway = ModelGateway(declines: fate.declined, refusals: fate.refusals)
        saga = SagaInstance(id: Sample.order.orderID, of: definition)
        let sample = Sample.order
        let created = OrderCreated(
            orderID: sample.orderID, userID: sample.userID, items: sample.items, total: sample.total, createdAt: now,
            shippingAddress: fate.unshippable ? Shipment.undeliverableMark : nil)
        append([.created(created)])
    }

    // MARK: Publishing

    private mutating func write(_ body: Record.Body, from service: Service, to topic: Topic) {
        nextID += 1
        databases[service.rawValue].outbox.append((topic, Record(id: nextID, body: body)))
    }

    private mutating func tell(_ facts: [any OrderFact], from service: Service) {
        for fact in facts { write(.fact(fact), from: service, to: .events) }
    }

    /// The relay's next row. It crashed before its checkpoint if `again` rows are published once more first.
    mutating func publish(_ service: Service, again: Int = 0) -> Bool {
        let database = databases[service.rawValue]
        let start = max(0, database.published - again)
        let end = min(database.published + 1, database.outbox.count)
        for (topic, record) in database.outbox[start..<end] { topics[topic.rawValue].append(record) }
        databases[service.rawValue].published = end
        return end > database.published
    }

    // MARK: Consuming

    static func subscriptions(of service: Service, in mode: FulfilmentMode) -> [Topic] {
        switch service {
        case .orders: mode == .orchestration ? [.orders] : [.events]
        case .shipping, .saga: [.events]
        // Confirmed orders' goods leave, whoever leads.
        case .inventory: mode == .orchestration ? [.inventory, .events] : [.events]
        case .payment: mode == .orchestration ? [.payment] : [.events]
        }
    }

    /// One transaction over the next records of a topic. Returns how many there were.
    mutating func consume(_ topic: Topic, by service: Service, limit: Int) throws -> Int {
        let start = databases[service.rawValue].offsets[topic.rawValue]
        let batch = topics[topic.rawValue].dropFirst(start).prefix(limit)
        for record in batch where fate.forgetsIDs || databases[service.rawValue].inbox.insert(record.id).inserted {
            try handle(record, by: service)
        }
        databases[service.rawValue].offsets[topic.rawValue] += batch.count
        return batch.count
    }

    private mutating func handle(_ record: Record, by service: Service) throws {
        switch (service, record.body) {
        case (.orders, .command(let command, _)):
            switch command {
            case is ConfirmOrder: decide(.confirm)
            case let command as CancelOrder: decide(.cancel(reason: command.reason))
            default: break
            }
        case (.orders, .fact(let fact)):
            let rules = Self.rules
            guard let outcome = rules.outcome(type: type(of: fact).type, payload: fact.bytes),
                let reaction = OrderOutcomes.react(to: outcome, outcomes, of: rules.steps)
            else { return }
            outcomes = reaction.outcomes
            if let command = reaction.command { decide(command) }
        case (.shipping, .fact(let fact)):
            guard let reaction = Shipment.react(to: fact, shipment, newID: "s1") else { return }
            shipment = reaction.shipment
            if let answer = reaction.answer { tell([answer.fact(of: Sample.order.orderID, at: now)], from: .shipping) }
        case (.inventory, .command(let command, let expiresAt)):
            switch command {
            case is ReserveStock where isLate(expiresAt): try ask(.reserveTooLate)
            case let command as ReserveStock: try ask(.reserve(command.items))
            case is ReleaseStock: try ask(.release)
            default: break
            }
        case (.inventory, .fact(let fact)):
            switch fact {
            case let order as OrderCreated where mode == .choreography: try ask(.reserve(order.items))
            case is OrderCancelled where mode == .choreography: try ask(.release)
            case is OrderConfirmed: try ask(.consume)
            default: break
            }
        case (.payment, .command(let command, let expiresAt)):
            switch command {
            case let command as ProcessPayment:
                let terms = PaymentProcess.Terms(
                    userID: command.userID, amount: command.amount, paymentToken: command.paymentToken)
                ask(isLate(expiresAt) ? .chargeTooLate(terms) : .charge(terms))
            case is RefundPayment: ask(.undo)
            default: break
            }
        case (.payment, .fact(let fact)):
            switch fact {
            case let order as OrderCreated:
                ask(
                    .announce(
                        PaymentProcess.Terms(
                            userID: order.userID, amount: order.total, paymentToken: order.paymentToken)))
            case is StockReserved: ask(.charge(nil))
            case is OrderCancelled: ask(.undo)
            default: break
            }
        case (.saga, .fact(let fact)):
            let type = (fact as? CommandExpired).map { SagaDefinition.factType(fact.type, of: $0.command) }
            try moveSaga(.fact(type: type ?? fact.type, payload: try fact.payload(), messageID: "\(record.id)"))
        default: break
        }
    }

    private mutating func ask(_ request: StockReservation.Request) throws {
        let reaction = try StockReservation.react(to: request, reservation, stock: &stock)
        if let changed = reaction.reservation { reservation = changed }
        guard let answer = reaction.answer else { return }
        tell([answer.fact(of: Sample.order.orderID, at: now) ?? expired(ReserveStock.type)], from: .inventory)
    }

    private mutating func ask(_ request: PaymentProcess.Request) {
        let reaction = PaymentProcess.react(to: request, payment)
        if let changed = reaction.process { payment = changed }
        guard let answer = reaction.answer else { return }
        tell([answer.fact(of: Sample.order.orderID, at: now) ?? expired(ProcessPayment.type)], from: .payment)
    }

    private func isLate(_ expiresAt: Int64?) -> Bool { expiresAt.map { $0 < now } ?? false }

    /// What the kit says of a command that came too late.
    private func expired(_ command: String) -> any OrderFact {
        CommandExpired(orderID: Sample.order.orderID, command: command, commandID: "\(nextID)", expiresAt: 0, at: now)
    }

    // MARK: What happens by itself

    private mutating func decide(_ command: OrderCommand) {
        guard let events = try? order?.decide(command, at: now) else { return }
        append(events)
    }

    private mutating func append(_ events: [OrderEvent]) {
        for event in events {
            order = Order.evolve(order, event)
            write(.fact(event.fact), from: .orders, to: .events)
        }
    }

    mutating func cancelByCustomer() {
        hasCancelled = true
        decide(.requestCancellation(reason: "changed my mind"))
    }

    /// The gateway has its effect even when the transaction after it is lost.
    mutating func callGateway(losingTheAnswer: Bool) -> Bool {
        guard var process = payment else { return false }
        if mode == .choreography, process.status == .refundRefused {
            // Nobody else asks again.
            ask(.undo)
            return true
        }
        guard let call = process.call else { return false }
        process.attempts += 1
        payment = process
        let outcome = gateway.answer(call)
        if losingTheAnswer { return true }
        guard let settled = process.settled(call, outcome) else { return false }
        payment = settled.process
        tell(settled.answers.compactMap { $0.fact(of: Sample.order.orderID, at: now) }, from: .payment)
        return true
    }

    mutating func passDeadline() throws -> Bool {
        guard let due = saga.nextDeadline, due <= now else { return false }
        try moveSaga(.deadline)
        return true
    }

    mutating func moveSaga(_ input: SagaInput) throws {
        let transition = try definition.react(
            saga, to: input, at: now, conduct: mode == .orchestration ? .leading : .watching)
        saga = transition.instance
        for command in transition.commands {
            let payload = try FactCatalogue.standard.decode(command.type, EncodedPayload(command.payload))
            guard let known = payload as? any Command else {
                throw UnknownCommand(type: command.type)
            }
            let topics = OrderflowKit.Topics()
            let topic: Topic =
                switch command.topic {
                case topics.inventoryCommands: .inventory
                case topics.paymentCommands: .payment
                default: .orders
                }
            write(.command(known, expiresAt: command.expiresAt), from: .saga, to: topic)
        }
    }

    struct UnknownCommand: Error { let type: String }
}

extension OrderEvent {
    fileprivate var fact: any OrderFact {
        switch self {
        case .created(let event): event
        case .confirmed(let event): event
        case .cancellationRequested(let event): event
        case .cancelled(let event): event
        case .scheduled(let event): event
        case .withdrawn(let event): event
        }
    }
}
