import Messaging
import OrderFacts
import Orders

/// A step of every order's fulfilment, said once, by the service that takes it.
///
/// The saga's command, answers, deadline and compensation follow from it, the order's outcomes in choreography, the
/// setting `saga.<name>_deadline`, the dashboard's lane and the metrics. An order is confirmed once all steps of the
/// program's services have succeeded.
///
///     FulfilmentStep(
///         "points", after: ["payment"],
///         asks: .init(.loyaltyCommands) { order, _ in EarnPoints(…) },
///         succeededBy: [PointsEarned.type], within: .seconds(60),
///         undoneBy: .init(
///             .init(.loyaltyCommands) { order, reason in TakeBackPoints(…) }, doneBy: [PointsTakenBack.type]))
///
/// In choreography there are no commands: the service reacts to the facts of the steps before its own, and undoes what it
/// did at `OrderCancelled`.
public struct FulfilmentStep: ServiceModulePart, Sendable {
    /// A command of the saga's, keyed by the order. Delivered at least once, so it has to be idempotent by its order.
    public struct Command: Sendable {
        public let topic: Topic
        public let type: String
        package let payload: @Sendable (OrderCreated, _ reason: String) throws -> [UInt8]

        /// - Parameter command: from the order, and why it is being undone; that is empty while it isn't.
        public init<Asked: Orders.Command>(
            _ topic: Topic, _ command: @escaping @Sendable (OrderCreated, _ reason: String) throws -> Asked
        ) {
            self.topic = topic
            type = Asked.type
            payload = { try command($0, $1).payload() }
        }
    }

    /// How the step is undone. The command means "make sure that it is undone": it comes too where it isn't known whether
    /// the step was taken, and has to be answered always.
    public struct Compensation: Sendable {
        public let command: Command
        public let doneBy: Set<String>
        public let refusedBy: Set<String>

        /// - Parameter refusedBy: answers after which it is asked again later.
        public init(_ command: Command, doneBy: Set<String>, refusedBy: Set<String> = []) {
            self.command = command
            self.doneBy = doneBy
            self.refusedBy = refusedBy
        }
    }

    public let name: String
    /// What is done, for people: `Reserve stock`.
    public let title: String
    /// Steps that have to succeed first.
    public let after: [String]
    /// Nil for a step that the service begins by itself, with the order.
    public let command: Command?
    /// Types of facts with an `orderId`.
    public let succeededBy: Set<String>
    /// Likewise; their member `reason` is what customers are told.
    public let failedBy: Set<String>
    /// How long it may take, unless configured otherwise.
    public let deadline: Duration
    public let compensation: Compensation?
    /// The service that takes it.
    public private(set) var service = ""

    /// - Parameters:
    ///   - name: lower-case letters, digits and hyphens; instances under way are stored by it.
    ///   - compensation: of a step that is asked for; nil where nothing is left to undo.
    public init(
        _ name: String, title: String? = nil, after: [String] = [], asks command: Command? = nil,
        succeededBy: Set<String>, failedBy: Set<String> = [], within deadline: Duration,
        undoneBy compensation: Compensation? = nil
    ) {
        precondition(
            command != nil || compensation == nil && after.isEmpty,
            "the step \(name) begins unasked: it comes after nothing, and isn't asked to be undone")
        self.name = name
        self.title = title ?? name.prefix(1).uppercased() + name.dropFirst()
        self.after = after
        self.command = command
        self.succeededBy = succeededBy
        self.failedBy = failedBy
        self.deadline = deadline
        self.compensation = compensation
    }

    public func join(_ module: inout ServiceModule) {
        var step = self
        step.service = module.name
        module.steps.append(step)
        let begins = command == nil ? ", counted from the order's start" : ""
        module.settings.append(
            SettingKey(
                "saga.\(name)_deadline", \StepDeadlines.[name, deadline],
                .duration(.milliseconds(10) ... .seconds(7 * 86_400)),
                """
                Without a word from \(module.name) for this long\(begins), an order is undone and cancelled. An order \
                that waits in a backlog for longer is cancelled too.
                """))
    }
}

/// How an order is confirmed once every step has succeeded, and cancelled once everything is undone: by the service that
/// owns it.
public struct FulfilmentDecision: ServiceModulePart, Sendable {
    public static let step = "confirmation"

    public let confirm: FulfilmentStep.Command
    public let confirmedBy: Set<String>
    public let cancel: FulfilmentStep.Command
    public let cancelledBy: Set<String>
    public private(set) var service = ""

    public init(
        confirm: FulfilmentStep.Command, confirmedBy: Set<String>, cancel: FulfilmentStep.Command,
        cancelledBy: Set<String>
    ) {
        self.confirm = confirm
        self.confirmedBy = confirmedBy
        self.cancel = cancel
        self.cancelledBy = cancelledBy
    }

    public func join(_ module: inout ServiceModule) {
        var decision = self
        decision.service = module.name
        module.decision = decision
    }
}

/// `saga.<step>_deadline`, for all steps there are.
package struct StepDeadlines: SettingsSection, Hashable {
    private var set: [String: Duration] = [:]

    package init() {}

    /// - Parameter usual: where none is configured.
    package subscript(step: String, usual: Duration) -> Duration {
        get { set[step] ?? usual }
        set { set[step] = newValue }
    }
}

/// A step as people see it.
package struct FulfilmentLane: Hashable, Sendable {
    package let step: String
    package let title: String
    /// Whether the saga asks for it, rather than wait for a service that begins by itself.
    package let isAsked: Bool
    /// Who takes it.
    package let service: String
    /// Whether it can be waited for without end, so that operators may resolve it.
    package let hasToSucceed: Bool
}

extension ServiceCatalogue {
    /// The steps of all services, each behind those that it comes after; of those that may come next, one that is asked for
    /// first, and else in the order of the services.
    package var steps: [FulfilmentStep] {
        var left = modules.flatMap(\.steps)
        var sorted: [FulfilmentStep] = []
        var names: Set<String> = []
        while !left.isEmpty {
            let ready = left.indices.filter { left[$0].after.allSatisfy(names.contains) }
            // What comes after something that there isn't keeps its place: the definition refuses it by name.
            let next = ready.first { left[$0].command != nil } ?? ready.first ?? 0
            names.insert(left[next].name)
            sorted.append(left.remove(at: next))
        }
        return sorted
    }

    package var decision: FulfilmentDecision? { modules.lazy.compactMap(\.decision).first }

    package var lanes: [FulfilmentLane] {
        steps.map {
            FulfilmentLane(
                step: $0.name, title: $0.title, isAsked: $0.command != nil, service: $0.service,
                hasToSucceed: $0.compensation != nil)
        }
            + [decision].compactMap(\.self).map {
                FulfilmentLane(
                    step: FulfilmentDecision.step, title: "Confirm", isAsked: true, service: $0.service,
                    hasToSucceed: true)
            }
    }
}
