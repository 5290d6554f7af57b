import Messaging
import Orders

/// A read model that `orderflow replay --into` can make anew from its topics.
public struct RebuiltModel: ServiceModulePart, Sendable {
    /// What operators call it; several where models are kept, and so rebuilt, together.
    public let names: [String]
    private let model: @Sendable (ServiceModule, ServiceContext) throws -> ReadModel

    /// A model with a fold of its own, which the live handler and a rebuild share.
    ///
    /// - Parameter make: of the topics' names and all facts of the installation.
    public init(_ names: String..., make: @escaping @Sendable (Topics, FactCatalogue) -> ReadModel) {
        self.names = names
        model = { make($1.topics, $1.facts) }
    }

    /// Tables that the handler of a consumer group keeps, and nobody else writes to. What it does has to be idempotent by
    /// the tables' own keys: a topic may have copies, and a rebuild has no inbox.
    ///
    /// - Parameter group: of the service; nil is its only one.
    public init(_ name: String, tables: [String], keptBy group: String? = nil) {
        names = [name]
        model = { module, context in
            guard let group = module.groups.first(where: { group == nil || $0.name == group }) else {
                preconditionFailure("no group of \(module.name) keeps the read model \(name)")
            }
            let handler = try group.handler(context)
            return ReadModel(
                name: name, group: group.name,
                topics: group.topics(in: context.settings.mode).map { context.topics[$0] }, tables: tables,
                reader: RecordReader(
                    types: handler.types, ignoring: handler.ignoredSource, content: context.facts.door),
                migrations: module.database?.migrations ?? [], fold: { _ in HandlerFold(handler) })
        }
    }

    /// A model that only the whole context tells how to make.
    init(_ name: String, made: @escaping @Sendable (ServiceModule, ServiceContext) throws -> ReadModel) {
        names = [name]
        model = made
    }

    public func join(_ module: inout ServiceModule) { module.readModels.append(self) }

    /// Connects to nothing.
    package func readModel(of module: ServiceModule, _ context: ServiceContext) throws -> ReadModel {
        try model(module, context)
    }
}
