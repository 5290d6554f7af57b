import Execution
import Foundation
import Kafka
import Logging
import Messaging
import TestServers
import TestShop
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// Every request of every role to the brokers, held against what `orderflow topics acls` allows it.
@Suite(.blocking, .servers) struct TopicAccessTests {
    /// Requests as https://kafka.apache.org/protocol numbers them.
    private enum API {
        static let (produce, initProducer): (Int16, Int16) = (0, 22)
        /// Of topics that are read: Fetch, ListOffsets, OffsetForLeaderEpoch.
        static let reading: Set<Int16> = [1, 2, 23]
        /// Of groups, with the topics that they read: OffsetCommit, OffsetFetch, JoinGroup, SyncGroup.
        static let groups: Set<Int16> = [8, 9, 11, 14]
        /// Heartbeat, LeaveGroup, DescribeGroups.
        static let members: Set<Int16> = [12, 13, 15]
        /// Metadata, FindCoordinator, ApiVersions.
        static let finding: Set<Int16> = [3, 10, 18]
        /// Of topics that a process has for itself, by the operation that they need: CreateTopics, DeleteTopics.
        static let own: [String: Int16] = ["Create": 19, "Delete": 20]
    }

    private struct Use: Hashable {
        let api: Int16
        /// A topic or a group.
        let name: String
    }

    /// What a role's requests name, read on their way.
    private final class Witness: Sendable {
        let apis = Monitor<Set<Int16>>([])
        let uses = Monitor<Set<Use>>([])
        /// As requests have them: with a length of 16 bits, or one more in a varint (KIP-482).
        private let words: [(name: String, forms: [[UInt8]])]

        init(_ names: Set<String>) {
            words = names.map { name in
                let text = Array(name.utf8)
                return (name, [WireWriter.int16(Int16(text.count)) + text, [UInt8(text.count + 1)] + text])
            }
        }

        func see(_ request: BrokerProxy.Request) {
            apis.withLock { _ = $0.insert(request.api) }
            let bytes = Data(request.bytes)
            for word in words where word.forms.contains(where: { bytes.range(of: Data($0)) != nil }) {
                uses.withLock { _ = $0.insert(Use(api: request.api, name: word.name)) }
            }
        }

        func names(_ apis: Set<Int16>) -> Set<String> {
            uses.withLock { uses in Set(uses.filter { apis.contains($0.api) }.map(\.name)) }
        }
    }

    @Test func noRoleAsksForMoreThanItMay() async throws {
        let shop = try Shop()
        let settings = Settings(OrderflowApp.services)
        let accesses = OrderflowApp.services.modules.map {
            ($0, TopicAccess(of: $0, settings, principal: "p"))
        }
        let kafka = KafkaConfiguration(bootstrapServers: shop.broker.bootstrapServers, isDevBroker: true)
        let topics = Set(try Admin(kafka, logger: Logger(label: "acls")).topics().map(\.name))
        let answering = OrderflowApp.services.modules.flatMap(\.answers).map(\.group)
        let groups = Set(settings.subscriptions.keys).union(answering)
        var witnesses: [(access: TopicAccess, witness: Witness)] = []
        var proxies: [BrokerProxy] = []
        var daemons: [Daemon] = []
        defer {
            for daemon in daemons { daemon.stop() }
            for proxy in proxies { proxy.close() }
        }
        for (module, access) in accesses {
            let witness = Witness(topics.union(groups))
            let proxy = try BrokerProxy(to: shop.broker) { request in
                witness.see(request)
                return .pass
            }
            proxies.append(proxy)
            let daemon = try shop.daemon(
                module.name, settings: ["ORDERFLOW_KAFKA_BROKERS": proxy.bootstrapServers])
            try daemon.start()
            daemons.append(daemon)
            witnesses.append((access, witness))
        }
        for daemon in daemons { try await daemon.waitUntilReady() }
        let client = try #require(daemons.first { $0.role == "api" }).client
        let orders = [#""A""#, #""UNSHIPPABLE""#].map {
            #"{"userId":"alice","items":[{"sku":\#($0),"qty":1}],"total":10}"#
        }
        for order in orders {
            let id = try await client.order(order)
            try await eventually(within: .seconds(60), "the order has ended") {
                ["confirmed", "cancelled"].contains(try await client.view(id)?["status"] as? String)
            }
        }
        for (access, witness) in witnesses {
            let role = access.purpose
            let reads = API.reading.union(API.groups)
            #expect(witness.names([API.produce]).intersection(topics).isSubset(of: access.writes), "\(role)")
            #expect(witness.names(reads).intersection(topics).isSubset(of: access.reads), "\(role)")
            #expect(witness.names(reads.union(API.members)).intersection(groups) == access.groups, "\(role)")
            var allowed = API.finding
            if !access.reads.isEmpty { allowed.formUnion(API.reading) }
            if !access.writes.isEmpty { allowed.formUnion([API.produce, API.initProducer]) }
            if !access.groups.isEmpty { allowed.formUnion(API.groups.union(API.members)) }
            allowed.formUnion(access.prefixOperations.values.joined().compactMap { API.own[$0] })
            let used = witness.apis.withLock { $0 }
            #expect(used.isSubset(of: allowed), "\(role): \(used.subtracting(allowed).sorted())")
        }
        // It was looked at the right way: what the order service says, it has published.
        let api = try #require(zip(accesses, witnesses).first { $0.0.0.name == "api" }?.1.witness)
        #expect(api.names([API.produce]).contains("order-events"))
    }
}
