import Execution
import Messaging
import OrderFacts
import Orders

extension MessageExpiry {
    /// Of the groups of one service: commands expire, facts don't.
    ///
    /// - Parameters:
    ///   - facts: all that there are, and the commands.
    ///   - topic: where facts about orders are said.
    ///   - source: of the service.
    package static func commands(
        of facts: FactCatalogue, skew: Duration, topic: String, source: String
    ) -> MessageExpiry {
        MessageExpiry(skew: skew) { message in
            guard let expiresAt = message.expiresAt,
                let command = try message.payload(of: facts) as? any Command
            else { return nil }
            return {
                let fact = CommandExpired(
                    orderID: command.orderID, command: message.type,
                    commandID: message.id.fitted(to: FactLimit.messageID), expiresAt: expiresAt,
                    at: WallClock.nowMicroseconds())
                return try message.causes(fact, topic: topic, source: source)
            }
        }
    }

    /// Of the groups of a process.
    package static func commands(_ context: ServiceContext) -> MessageExpiry {
        commands(
            of: context.facts, skew: context.settings.clockSkew, topic: context.topics.orderEvents,
            source: context.source)
    }
}

extension FulfilmentStep {
    /// The step that a fact says was asked for too late, by the type of the command.
    package static func expired(in message: InboundMessage, of steps: [String: FulfilmentStep]) throws
        -> FulfilmentStep?
    {
        guard message.type == CommandExpired.type, let fact = try message.payload(as: CommandExpired.self) else {
            return nil
        }
        return steps[fact.command]
    }
}
