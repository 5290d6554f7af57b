import Kafka
import Messaging
import OrderflowKit

/// What one principal may do at the brokers, and nothing more. `Read` and `Write` include `Describe`.
struct TopicAccess: Equatable {
    let principal: String
    /// What it is for.
    let purpose: String
    var reads: Set<String> = []
    var writes: Set<String> = []
    var groups: Set<String> = []
    /// Besides these: operations on topics, and on the cluster.
    var topicOperations: [String: Set<String>] = [:]
    var clusterOperations: Set<String> = []
    /// On all topics whose names begin so: those on which processes get answers.
    var prefixOperations: [String: Set<String>] = [:]

    /// A service's processes, in the mode that is configured: the groups consume, the relays publish, and look back at the
    /// end of what they have published (`PublishedTail`). Nothing of ours is transactional at the brokers.
    init(of module: ServiceModule, _ settings: Settings, principal: String) {
        self.principal = principal
        purpose = "orderflow \(module.name)"
        let names = settings.topics.names
        for group in module.groups {
            let topics = group.topics(in: settings.mode).map { names[$0] }
            guard !topics.isEmpty else { continue }
            groups.insert(group.name)
            reads.formUnion(topics)
            writes.formUnion(topics.map { DeadLetters.topic(of: $0, group: group.name) })
        }
        let said = Set(settings.services.says(module, in: settings.mode).keys)
        writes.formUnion(said.flatMap { names.all(of: $0) })
        if !said.isDisjoint(with: settings.factTopics) {
            writes.formUnion((try? settings.routeTable().targets) ?? [])
        }
        reads.formUnion(writes)
        if !module.asks.isEmpty {
            prefixOperations[ReplyTopic.family(of: module.source)] = ["Create", "Read", "Write", "Delete"]
        }
        for answered in module.answers {
            groups.insert(answered.group)
            reads.insert(names[answered.topic])
            prefixOperations[ReplyTopic.prefix, default: []].insert("Write")
        }
        if settings.log.shipLevel != nil { writes.insert(names.logs) }
    }

    private init(_ principal: String, for purpose: String) {
        self.principal = principal
        self.purpose = purpose
    }

    /// `orderflow topics create`.
    static func creator(_ settings: Settings, principal: String) -> TopicAccess {
        var access = TopicAccess(principal, for: "orderflow topics create")
        access.clusterOperations = ["Create"]
        for topic in TopicProvisioner.topics(settings).map(\.name) {
            access.topicOperations[topic] = ["Describe", "DescribeConfigs", "AlterConfigs"]
        }
        return access
    }

    /// Those who look and put right: `status`, `groups`, `replay`, `logs`, `topics list`.
    static func operators(_ settings: Settings, principal: String) -> TopicAccess {
        var access = TopicAccess(principal, for: "orderflow status, groups, replay, logs, topics list")
        let topics = TopicProvisioner.topics(settings).map(\.name)
        access.reads = Set(topics)
        access.groups = Set(settings.subscriptions.keys)
        access.clusterOperations = ["Describe"]
        for topic in topics { access.topicOperations[topic] = ["DescribeConfigs"] }
        return access
    }

    /// Of all roles, of who makes topics, and of operators.
    ///
    /// - Parameter pattern: a principal's name, with `%s` where the role's is.
    static func all(_ settings: Settings, pattern: String) -> [TopicAccess] {
        func principal(_ role: String) -> String { pattern.replacing("%s", with: role) }
        let roles = settings.services.modules.map { TopicAccess(of: $0, settings, principal: principal($0.name)) }
        return roles.filter { !$0.isEmpty } + [
            creator(settings, principal: principal("prepare")), operators(settings, principal: principal("operator")),
        ]
    }

    private var isEmpty: Bool { reads.isEmpty && writes.isEmpty && groups.isEmpty }

    /// As commands of Kafka's own.
    var commands: [String] {
        var commands: [String] = []
        var byOperations: [[String]: [String]] = [:]
        for topic in reads.union(writes).union(topicOperations.keys) {
            byOperations[operations(on: topic).sorted(), default: []].append(topic)
        }
        for (operations, topics) in byOperations.sorted(by: { $0.key.joined() < $1.key.joined() }) {
            commands.append(command(operations, topics.sorted().map { "--topic \($0)" }))
        }
        for (prefix, operations) in prefixOperations.sorted(by: { $0.key < $1.key }) {
            commands.append(
                command(operations.sorted(), ["--topic \(prefix)", "--resource-pattern-type prefixed"]))
        }
        if !groups.isEmpty { commands.append(command(["Read"], groups.sorted().map { "--group \($0)" })) }
        if !clusterOperations.isEmpty { commands.append(command(clusterOperations.sorted(), ["--cluster"])) }
        return commands
    }

    private func operations(on topic: String) -> Set<String> {
        var operations = topicOperations[topic] ?? []
        if reads.contains(topic) { operations.insert("Read") }
        if writes.contains(topic) { operations.insert("Write") }
        return operations
    }

    private func command(_ operations: [String], _ resources: [String]) -> String {
        let words =
            ["kafka-acls --bootstrap-server \"$BROKERS\" --command-config \"$CONFIG\" --add"]
            + ["--allow-principal 'User:\(principal)'"] + operations.map { "--operation \($0)" } + resources
        return words.joined(separator: " ")
    }
}
