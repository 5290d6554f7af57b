import Messaging

/// A copy of what other services say, which the service keeps in its own database (`Replica`). The database's migrations
/// make its table (`Replica.definition`).
public struct Replicates: ServiceModulePart {
    private let replica: KeptReplica
    /// Nil where one of the service's other groups keeps it.
    private let group: ConsumerGroup?

    /// Kept by a consumer group of its own, `<service>-<replica>-group`, which begins with the first fact on the topic.
    public init(_ replica: Replica, urgency: ConsumerGroup.Urgency = .patient) {
        let name: @Sendable (String) -> String = { "\($0)-\(replica.name.replacing("_", with: "-"))-group" }
        self.replica = KeptReplica(name: replica.name, group: name) { _ in replica }
        group = ConsumerGroup(
            "", reads: replica.topics.map { .init($0) }, batchSize: 2_000, usesInbox: false, urgency: urgency
        ) { _ in ReplicaHandler(replica: replica) }
    }

    /// Kept by the handler of another group, with whatever else it does: it adds each batch to a `ReplicaFold`, and has
    /// that written in its transaction.
    ///
    /// - Parameters:
    ///   - group: one of the service's, which reads the replica's topics.
    ///   - replica: the same each time but for what settings decide.
    public init(
        _ name: String, keptBy group: String, _ replica: @escaping @Sendable (ServiceContext) throws -> Replica
    ) {
        self.replica = KeptReplica(name: name, group: { _ in group }, make: replica)
        self.group = nil
    }

    public func join(_ module: inout ServiceModule) {
        let name = replica.group(module.name)
        if var group {
            group.name = name
            Consumes(group).join(&module)
        }
        module.replicas.append(replica)
        let model = RebuiltModel(
            replica.name,
            made: { [replica] module, context in
                guard let database = module.database else {
                    preconditionFailure("\(module.name) has a replica \(replica.name), and no ServiceDatabase")
                }
                return try replica.make(context).readModel(
                    keptBy: name, migrations: database.migrations, context.topics, context.facts)
            })
        model.join(&module)
    }
}

/// A replica that a service keeps.
package struct KeptReplica: Sendable {
    package let name: String
    /// The group that keeps it, by the service's name.
    let group: @Sendable (_ module: String) -> String
    package let make: @Sendable (ServiceContext) throws -> Replica

    package func group(in module: ServiceModule) -> String { group(module.name) }
}
