/// A participant of the fulfilment that is no service of this program: in whatever language, over Kafka alone. It begins
/// by itself at `OrderCreated`, and its word is waited for before an order is confirmed.
package struct ExternalParticipant: Hashable, Sendable {
    /// Of its step.
    package let name: String
    /// The type of its fact, keyed by the order and with its `orderId`, for an order that may go on.
    package let succeeds: String
    /// Likewise for one that may not; its member `reason` is what customers are told.
    package let fails: String
}

/// `saga.participants` and how long they may take.
package struct ExternalParticipants: SettingsSection {
    package var participants: [ExternalParticipant] = []
    package var deadline: Duration = .seconds(900)

    package init() {}

    package static let keys: [SettingKey] = [
        SettingKey(
            "saga.participants", \ExternalParticipants.participants, .participants,
            """
            Participants in other programs: step=Succeeded/Failed, the types of their facts, more of them by commas. No \
            order is confirmed before all have succeeded. The same for all roles; change it when no order is under way.
            """),
        SettingKey(
            "saga.participant_deadline", \ExternalParticipants.deadline,
            .duration(.milliseconds(10) ... .seconds(7 * 86_400)),
            "Without a word from one of them for this long, counted from the order's start, an order is cancelled."),
    ]
}

extension SettingFormat where Value == [ExternalParticipant] {
    static let participants = list(
        expecting: "step=Succeeded/Failed such as fraud=FraudCleared/FraudSuspected",
        repeated: .refused("step", by: \.name), write: { "\($0.name)=\($0.succeeds)/\($0.fails)" }
    ) { text in
        guard let match = text.wholeMatch(of: /([a-z][a-z0-9-]*)=([A-Za-z0-9.]+)\/([A-Za-z0-9.]+)/), match.2 != match.3
        else { return nil }
        return ExternalParticipant(name: String(match.1), succeeds: String(match.2), fails: String(match.3))
    }
}

extension Settings {
    /// All steps of the fulfilment: of the program's services, and of participants elsewhere.
    package var steps: [FulfilmentStep] {
        let external = self[ExternalParticipants.self]
        return services.steps
            + external.participants.map {
                FulfilmentStep(
                    $0.name, succeededBy: [$0.succeeds], failedBy: [$0.fails], within: external.deadline)
            }
    }
}
