import CLibrdkafka
import Glibc

/// A consumer group as its coordinator has it.
public struct GroupDescription: Hashable, Sendable {
    public var name: String
    /// Such as `Stable`, `Empty`, `PreparingRebalance`.
    public var state: String
    public var members: [Member]

    public struct Member: Hashable, Sendable {
        public var id: String
        /// Of a static member (KIP-345).
        public var instanceID: String?
        public var clientID: String
        public var host: String
        public var partitions: [TopicPartition]

        public init(
            id: String, instanceID: String?, clientID: String, host: String, partitions: [TopicPartition]
        ) {
            self.id = id
            self.instanceID = instanceID
            self.clientID = clientID
            self.host = host
            self.partitions = partitions
        }
    }

    public init(name: String, state: String, members: [Member]) {
        self.name = name
        self.state = state
        self.members = members
    }
}

extension Admin {
    /// Names of all consumer groups, sorted.
    public func groups() throws -> [String] {
        try request(
            RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, "list groups",
            send: { options, queue in rd_kafka_ListConsumerGroups(handle.raw, options, queue) },
            result: { event in
                var errors = 0
                if let list = rd_kafka_ListConsumerGroups_result_errors(event, &errors), errors > 0 {
                    throw KafkaError(rd_kafka_error_code(list[0]), "list groups")
                }
                var count = 0
                guard let list = rd_kafka_ListConsumerGroups_result_valid(event, &count) else { return [] }
                return (0..<count).compactMap {
                    list[$0].map { String(cString: rd_kafka_ConsumerGroupListing_group_id($0)) }
                }
                .sorted()
            })
    }

    /// Each of `groups`; one that doesn't exist is `Dead` or `Empty`, without members.
    public func describe(groups: [String]) throws -> [GroupDescription] {
        guard !groups.isEmpty else { return [] }
        let names = groups.map { strdup($0) }
        defer { names.forEach { free($0) } }
        var pointers = names.map { UnsafePointer($0) }
        return try request(
            RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, "describe groups",
            send: { options, queue in
                rd_kafka_DescribeConsumerGroups(handle.raw, &pointers, pointers.count, options, queue)
            },
            result: { try Self.groups(in: $0) })
    }

    /// What a `DescribeConsumerGroups` result says.
    static func groups(in event: OpaquePointer) throws(KafkaError) -> [GroupDescription] {
        var count = 0
        guard let list = rd_kafka_DescribeConsumerGroups_result_groups(event, &count) else { return [] }
        var groups: [GroupDescription] = []
        for index in 0..<count {
            if let group = list[index] { groups.append(try describe(group)) }
        }
        return groups
    }

    private static func describe(_ group: OpaquePointer) throws(KafkaError) -> GroupDescription {
        let name = String(cString: rd_kafka_ConsumerGroupDescription_group_id(group))
        if let error = rd_kafka_ConsumerGroupDescription_error(group) {
            throw KafkaError(rd_kafka_error_code(error), "describe group \(name)")
        }
        let members = (0..<rd_kafka_ConsumerGroupDescription_member_count(group)).compactMap { index in
            rd_kafka_ConsumerGroupDescription_member(group, index).map { member in
                GroupDescription.Member(
                    id: string(rd_kafka_MemberDescription_consumer_id(member)) ?? "",
                    instanceID: string(rd_kafka_MemberDescription_group_instance_id(member)),
                    clientID: string(rd_kafka_MemberDescription_client_id(member)) ?? "",
                    host: string(rd_kafka_MemberDescription_host(member)) ?? "",
                    partitions: rd_kafka_MemberDescription_assignment(member)
                        .flatMap { rd_kafka_MemberAssignment_partitions($0) }.map { PartitionList.partitions($0) } ?? []
                )
            }
        }
        let state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(group))
        return GroupDescription(name: name, state: string(state) ?? "", members: members)
    }

    private static func string(_ text: UnsafePointer<CChar>?) -> String? {
        guard let text, text.pointee != 0 else { return nil }
        return String(cString: text)
    }

    /// The offsets that `group` has committed, of all partitions where it has.
    public func committedOffsets(of group: String) throws -> [TopicPartition: Int64] {
        var requests: [OpaquePointer?] = [rd_kafka_ListConsumerGroupOffsets_new(group, nil)]
        defer { rd_kafka_ListConsumerGroupOffsets_destroy(requests[0]) }
        return try request(
            RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, "offsets of \(group)",
            send: { options, queue in
                rd_kafka_ListConsumerGroupOffsets(handle.raw, &requests, 1, options, queue)
            },
            result: { event in
                try offsets(rd_kafka_ListConsumerGroupOffsets_result_groups, event, "offsets of \(group)")
                    .filter { $0.value >= 0 }
            })
    }

    /// Sets the committed offsets of a group that has no members; the coordinator refuses others.
    public func setOffsets(of group: String, to offsets: [TopicPartition: Int64]) throws {
        guard !offsets.isEmpty else { return }
        let list = PartitionList(offsets)
        var requests: [OpaquePointer?] = [list.use { rd_kafka_AlterConsumerGroupOffsets_new(group, $0) }]
        defer { rd_kafka_AlterConsumerGroupOffsets_destroy(requests[0]) }
        _ = try request(
            RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, "set offsets of \(group)",
            send: { options, queue in
                rd_kafka_AlterConsumerGroupOffsets(handle.raw, &requests, 1, options, queue)
            },
            result: { event in
                try self.offsets(
                    rd_kafka_AlterConsumerGroupOffsets_result_groups, event, "set offsets of \(group)")
            })
    }

    private func offsets(
        _ groups: (OpaquePointer, UnsafeMutablePointer<Int>?) -> UnsafeMutablePointer<OpaquePointer?>?,
        _ event: OpaquePointer, _ what: String
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        var count = 0
        guard let list = groups(event, &count), count > 0, let group = list[0] else { return [:] }
        if let error = rd_kafka_group_result_error(group) { throw KafkaError(rd_kafka_error_code(error), what) }
        guard let partitions = rd_kafka_group_result_partitions(group) else { return [:] }
        if let error = PartitionList.firstError(partitions) { throw error }
        return PartitionList.offsets(partitions)
    }
}
