import OrderFacts
import Orders

/// Facts and commands that the service puts on a topic. Every group of the installation reads by what all services say
/// here: a type that none of them names is passed over.
public struct Publishes: ServiceModulePart {
    private let payloads: [any MessagePayload.Type]
    private let topic: Topic

    public init(_ payloads: any MessagePayload.Type..., on topic: Topic) {
        self.payloads = payloads
        self.topic = topic
    }

    public func join(_ module: inout ServiceModule) {
        module.payloads[topic, default: []] += payloads
        module.says[topic, default: []].formUnion(payloads.flatMap { [$0.type] + $0.aliases })
    }
}

/// Commands of other services that the service gives. Those of the fulfilment's steps are the saga's
/// (`Does(.fulfilment)`), and not named here.
public struct Sends: ServiceModulePart {
    private let commands: [any Command.Type]
    private let topic: Topic

    public init(_ commands: any Command.Type..., on topic: Topic) {
        self.commands = commands
        self.topic = topic
    }

    public func join(_ module: inout ServiceModule) {
        module.says[topic, default: []].formUnion(commands.map { $0.type })
    }
}

/// Commands that the service does, of any sender.
public struct Accepts: ServiceModulePart {
    private let commands: [any Command.Type]
    private let topic: Topic

    public init(_ commands: any Command.Type..., on topic: Topic) {
        self.commands = commands
        self.topic = topic
    }

    public func join(_ module: inout ServiceModule) {
        module.payloads[topic, default: []] += commands
        // What it does it may also refuse for being too late.
        module.says[.orderEvents, default: []].insert(CommandExpired.type)
    }
}
