import Messaging
import Orders
import Schemas

/// The services of a program, and what follows from the list of them.
public struct ServiceCatalogue: Sendable {
    public let modules: [ServiceModule]
    /// Every setting there is.
    package let settings: SettingTable
    /// Every fact and command there is: what every group's door decodes by.
    package let facts: FactCatalogue

    /// The schemas of all of them in every format, and the ids that these have where no registry gives others.
    package let schemas: OwnSchemaIDs

    /// Two services with one name, port, database, group, topic, read model, setting, alert, step or fact are a mistake in
    /// the program, and trap, and so is a fact or command that has no schema.
    public init(_ modules: [ServiceModule]) {
        self.modules = modules
        settings = SettingTable(modules)
        do {
            facts = try FactCatalogue(modules.flatMap { $0.payloads.values.flatMap(\.self) })
            schemas = try OwnSchemaIDs(facts.schemas)
        } catch {
            preconditionFailure("\(error)")
        }
        func unique<Value: Hashable>(_ what: String, _ values: [Value]) {
            var seen: Set<Value> = []
            for value in values {
                precondition(seen.insert(value).inserted, "two services have the \(what) \(value)")
            }
        }
        unique("name", modules.map(\.name))
        unique("port", modules.map(\.port))
        unique("database", provisionedDatabases.map(\.name))
        unique("consumer group", groups.map(\.name) + modules.flatMap(\.answers).map(\.group))
        unique("topic", topics.map(\.id))
        unique("read model", readModels.flatMap(\.model.names))
        unique("step", modules.flatMap { $0.steps.map(\.name) + ($0.decision == nil ? [] : [FulfilmentDecision.step]) })
        unique("setting", settings.keys.map(\.name))
        unique("alert", modules.flatMap(\.alerts).map(\.name))
        for module in modules {
            precondition(
                module.database != nil || module.groups.isEmpty, "\(module.name) has groups and no database for them")
            let schema = module.database?.migrations.map(\.sql).joined() ?? MessagingSchema.parts.joined()
            precondition(
                MessagingSchema.parts.allSatisfy(schema.contains),
                "the migrations of \(module.name) lack a part of MessagingSchema: append it as one of its own")
        }
    }

    public subscript(name: String) -> ServiceModule? { modules.first { $0.name == name } }

    package var names: [String] { modules.map(\.name) }

    // MARK: Databases

    package var databases: [ServiceDatabase] { modules.compactMap(\.database) }

    /// All that `migrate` makes.
    package var provisionedDatabases: [ServiceDatabase] { databases + [.access] }

    package func database(named name: String) -> ServiceDatabase? { databases.first { $0.name == name } }

    /// Where a group keeps its offsets, inbox and dead letters.
    package func database(holding group: String) -> ServiceDatabase? { databases.first { $0.groups.contains(group) } }

    // MARK: Topics and who reads them

    package var topics: [Topic] { modules.flatMap(\.topics) }

    package var groups: [ConsumerGroup] { modules.flatMap(\.groups) }

    /// Express lanes by the topics that they lie beside, as both are called on the brokers.
    package func expressLanes(_ names: Topics) -> [String: String] {
        let said = modules.flatMap { Array($0.payloads.keys) + $0.eventStore.values }
        let read = groups.flatMap { $0.subscriptions.map(\.topic) }
        return (topics + said + read).reduce(into: [:]) { lanes, topic in
            if let lane = topic.expressLane { lanes[names[topic]] = names[lane] }
        }
    }

    /// The groups at work in a mode of the saga, and the topics that each consumes.
    package func subscriptions(in mode: FulfilmentMode, _ names: Topics) -> [String: Set<String>] {
        groups.reduce(into: [:]) { found, group in
            let topics = group.topics(in: mode)
            if !topics.isEmpty { found[group.name] = Set(topics.map { names[$0] }) }
        }
    }

    /// Where each group publishes what it could not handle, in whatever mode.
    package func deadLetterTopics(_ names: Topics) -> [String] {
        groups.flatMap { group in
            group.subscriptions.flatMap { names.all(of: $0.topic) }.map {
                DeadLetters.topic(of: $0, group: group.name)
            }
        }
    }

    /// The types that a service may say, by where: what others say in its name is nobody's word.
    ///
    /// - Parameter mode: of the saga, where only that one counts: in choreography nobody commands the steps.
    package func says(_ module: ServiceModule, in mode: FulfilmentMode = .orchestration) -> [Topic: Set<String>] {
        guard module.duties.contains(.fulfilment), mode == .orchestration else { return module.says }
        var commands = modules.flatMap(\.steps).flatMap { [$0.command, $0.compensation?.command] }.compactMap(\.self)
        if let decision { commands += [decision.confirm, decision.cancel] }
        return commands.reduce(into: module.says) { $0[$1.topic, default: []].insert($1.type) }
    }

    // MARK: Read models

    package var readModels: [(model: RebuiltModel, module: ServiceModule, database: ServiceDatabase)] {
        modules.flatMap { module in
            module.readModels.compactMap { model in module.database.map { (model, module, $0) } }
        }
    }

    package var replicas: [(kept: KeptReplica, module: ServiceModule, database: ServiceDatabase)] {
        modules.flatMap { module in
            module.replicas.compactMap { kept in module.database.map { (kept, module, $0) } }
        }
    }

    /// What `replay --into` takes.
    package var readModelNames: [String] { readModels.flatMap(\.model.names) }
}
