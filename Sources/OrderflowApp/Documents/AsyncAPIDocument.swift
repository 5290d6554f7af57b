import OrderflowKit

/// The part of `docs/asyncapi.yaml` that follows from the consumer groups: who reads which topic. Channels' messages and
/// their schemas are written by hand around it.
struct AsyncAPIDocument {
    private let services: ServiceCatalogue

    init(_ services: ServiceCatalogue) { self.services = services }

    var regions: MarkedRegions {
        MarkedRegions(frame: frame, regions: [("consumers", consumers)])
    }

    private var consumers: String {
        services.topics.flatMap { topic in
            services.modules.compactMap { module in
                let groups = module.groups.compactMap { Self.reading($0, topic) }
                guard !groups.isEmpty else { return nil }
                return """
                    \(Self.identifier(module.name))Consumes\(Self.identifier(topic.id, capital: true)):
                      action: receive
                      channel:
                        $ref: '#/channels/\(Self.identifier(topic.id))'
                      summary: \(YAMLText.scalar("\(module.name): \(groups.joined(separator: ", "))."))

                    """
            }
        }.joined()
    }

    /// A group by name, and when it reads the topic where that isn't always; nil where it never does.
    private static func reading(_ group: ConsumerGroup, _ topic: Topic) -> String? {
        guard let subscription = group.subscriptions.first(where: { $0.topic.withLanes.contains(topic) }) else {
            return nil
        }
        let modes = FulfilmentMode.allCases.filter(subscription.modes.contains)
        return modes.count == FulfilmentMode.allCases.count
            ? group.name : "\(group.name) in \(modes.map(\.rawValue).joined(separator: ", "))"
    }

    /// `order_events` as `orderEvents`.
    private static func identifier(_ name: String, capital: Bool = false) -> String {
        let words = name.split { !$0.isLetter && !$0.isNumber }
        return words.enumerated().map { index, word in
            index == 0 && !capital ? String(word) : word.prefix(1).uppercased() + word.dropFirst()
        }.joined()
    }

    private var frame: String {
        let channels = services.topics.map { topic in
            "  \(Self.identifier(topic.id)):\n    address: \(topic.defaultName)\n"
                + "    description: \(YAMLText.scalar(topic.summary))\n    messages: {}\n"
        }
        return """
            asyncapi: 3.0.0
            info:
              title: orderflow
              version: \(OrderflowVersion.current)
            defaultContentType: application/json
            channels:
            \(channels.joined())\
            operations:
            \(MarkedRegions.marks("consumers", indent: 2))
            """
    }
}
