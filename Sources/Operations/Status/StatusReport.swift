import Fulfilment
import Kafka
import Logging
import Messaging
import OrderflowKit
import Outbound
import Postgres

/// How the shop is doing, as far as this machine can tell: what can't be reached is part of the answer.
package struct StatusReport: Sendable {
    package struct RoleState: Sendable {
        package let module: ServiceModule
        package let port: Int
        package let state: String
        /// Checks that say no.
        package let reasons: [String]
    }

    package struct GroupState: Sendable {
        package let group: String
        /// Records not consumed yet; nil where brokers or database can't be asked.
        package let lag: Int64?
        package let dead: Int64
        package let parked: Int64
        /// Partitions of its topics that none of its members holds; all of them where it has no members.
        package var ownerless: [TopicPartition] = []
    }

    package struct SagaCount: Sendable {
        package let status: String
        package let count: Int64
        package let attention: Int64
    }

    /// The read models beside the event store, as far as the orders that changed last tell.
    package struct ViewState: Sendable {
        package let lag: ConsistencyCheck.Lag
        package let differing: Int
    }

    /// A slot by which PostgreSQL keeps its log for a relay.
    package struct SlotState: Sendable {
        package let service: String
        package let slot: RelaySlot
        /// `relay.source` is wal. Else it is left over, and drops with `orderflow migrate`.
        package let isWanted: Bool

        /// What is amiss; nil when nothing is.
        package var problem: String? {
            if !isWanted { return "relay.source is windows: `orderflow migrate` drops it" }
            if slot.state == "lost" { return "the server has given it up: the relay makes another one" }
            if !slot.isRead { return "nobody reads it, and the server keeps its log for it" }
            return slot.state == "unreserved" ? "the server is about to give it up" : nil
        }
    }

    package var roles: [RoleState] = []
    package var slots: [SlotState] = []
    package var groups: [GroupState] = []
    package var sagas: [SagaCount] = []
    /// Orders under way that wait behind dead letters, the longest held first.
    package var held: [HeldSagas.Entry] = []
    /// Nil where the databases can't be asked.
    package var views: ViewState?
    /// What couldn't be asked, and why.
    package var problems: [String] = []

    /// Blocks the calling thread.
    package static func gather(_ settings: Settings) -> StatusReport {
        var report = StatusReport()
        report.askRoles(settings)
        report.askGroups(settings)
        report.askSagas(settings)
        report.compareViews(settings)
        report.askHeld(settings)
        return report
    }

    private mutating func askRoles(_ settings: Settings) {
        let client = HTTPClient(.ownDaemons)
        for module in settings.services.modules {
            let port = settings.port(of: module)
            guard port > 0 else { continue }
            do {
                let readiness = try RoleReadiness(asking: settings.url(of: module), by: client)
                roles.append(
                    RoleState(
                        module: module, port: port, state: readiness.isReady ? "ready" : "not ready",
                        reasons: readiness.reasons))
            } catch {
                roles.append(RoleState(module: module, port: port, state: "not running here", reasons: []))
            }
        }
    }

    private mutating func askGroups(_ settings: Settings) {
        let brokers = askBrokers(settings)
        let ends = brokers?.ends
        for database in settings.services.databases {
            do {
                let connection = try Connection(settings.database(of: database))
                defer { connection.close() }
                slots += try RelaySlot.all(on: connection).map {
                    SlotState(service: database.name, slot: $0, isWanted: settings.relaySource == .wal)
                }
                for group in database.groups {
                    guard let topics = settings.subscriptions[group] else {
                        continue
                    }
                    let letters = try DeadLetterQueue.count(group: group, on: connection)
                    let next = try ConsumerProgress.nextOffsets(of: group, on: connection)
                    let lag = ends.map { ends in
                        ends.filter { topics.contains($0.key.topic) }.reduce(into: Int64(0)) { sum, end in
                            sum += end.value.remaining(from: next[end.key])
                        }
                    }
                    groups.append(
                        GroupState(
                            group: group, lag: lag, dead: letters.dead, parked: letters.parked,
                            ownerless: brokers?.ownerless(in: group, reading: topics) ?? []))
                }
            } catch {
                problems.append("database of \(database.name): \(error)")
            }
        }
    }

    private struct Brokers {
        var ends: [TopicPartition: Watermarks] = [:]
        var groups: [String: GroupDescription] = [:]

        func ownerless(in group: String, reading topics: Set<String>) -> [TopicPartition] {
            groups[group]?.ownerless(of: Set(ends.keys.filter { topics.contains($0.topic) })) ?? []
        }
    }

    private mutating func askBrokers(_ settings: Settings) -> Brokers? {
        var brokers = Brokers()
        do {
            let admin = try Admin(settings.kafka.configuration, timeout: .seconds(5), logger: Logger(label: "status"))
            let own = Set(settings.topicNames)
            for topic in try admin.topics() where own.contains(topic.name) {
                for place in topic.places { brokers.ends[place] = try admin.watermarks(place) }
            }
            let names = settings.subscriptions.keys.sorted()
            do {
                for group in try admin.describe(groups: names) { brokers.groups[group.name] = group }
            } catch {
                // Their lag can be told all the same.
                problems.append("consumer groups: \(error)")
            }
            return brokers
        } catch {
            problems.append("brokers: \(error)")
            return nil
        }
    }

    private mutating func askSagas(_ settings: Settings) {
        do {
            let connection = try Connection(settings.database(of: .saga))
            defer { connection.close() }
            sagas = try SagaOperator.counts(of: FulfilmentSaga.name, on: connection).map {
                SagaCount(status: $0.status, count: $0.count, attention: $0.attention)
            }
        } catch {
            // The database of saga was asked for its dead letters too.
            let problem = "database of saga: \(error)"
            if !problems.contains(problem) { problems.append(problem) }
        }
    }

    private mutating func askHeld(_ settings: Settings) {
        // Most times there is no letter at all, and nobody has to be asked again.
        guard groups.contains(where: { $0.dead > 0 }) else { return }
        held = HeldSagas.gather(settings).entries
    }

    private mutating func compareViews(_ settings: Settings) {
        do {
            let orders = try Connection(settings.database(of: .orders))
            defer { orders.close() }
            let views = try Connection(settings.database(of: .views))
            defer { views.close() }
            let check = ConsistencyCheck(
                orders: orders, views: views, topics: settings.topics.names.all(of: .orderEvents))
            let round = try check.run(besides: [])
            self.views = ViewState(lag: round.lag, differing: round.differing.count)
        } catch {
            // Both were asked for their groups, and said so if they are away.
            if problems.isEmpty { problems.append("read models: \(error)") }
        }
    }
}
