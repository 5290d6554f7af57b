import TestServers

/// Requests and answers of the group protocol, as far as tests change them.
enum GroupRequests {
    static let metadata: Int16 = 3
    static let joinGroup: Int16 = 11
    static let leaveGroup: Int16 = 13
    static let syncGroup: Int16 = 14
    static let describeGroups: Int16 = 15
    static let apiVersions: Int16 = 18

    /// A SyncGroup request (up to version 3) in which the leader gives `partitions` to nobody.
    static func assigning(_ request: BrokerProxy.Request, without partitions: Set<Int32>) -> [UInt8] {
        precondition(request.version < 4)
        var reader = WireReader(request.bytes)
        _ = reader.take(8)
        _ = reader.string()  // client
        _ = reader.string()  // group
        _ = reader.int32()  // generation
        _ = reader.string()  // member
        if request.version >= 3 { _ = reader.string() }  // instance
        var changed = Array(reader.passed)
        let count = reader.int32()
        changed += WireWriter.int32(count)
        for _ in 0..<count {
            changed += WireWriter.string(reader.string())
            changed += WireWriter.bytes(assignment(reader.blob(), without: partitions))
        }
        return changed
    }

    /// `ConsumerProtocolAssignment`: version, topics with partitions, user data.
    private static func assignment(_ bytes: [UInt8], without partitions: Set<Int32>) -> [UInt8] {
        guard !bytes.isEmpty else { return bytes }
        var reader = WireReader(bytes)
        var changed = WireWriter.int16(reader.int16())
        let topics = reader.int32()
        changed += WireWriter.int32(topics)
        for _ in 0..<topics {
            changed += WireWriter.string(reader.string())
            let count = reader.int32()
            let kept = (0..<count).map { _ in reader.int32() }.filter { !partitions.contains($0) }
            changed += WireWriter.int32(Int32(kept.count)) + kept.flatMap(WireWriter.int32)
        }
        return changed + reader.rest
    }

    /// The answer to DescribeGroups (up to version 4) that the client may not describe the group.
    static func descriptionRefused(_ request: BrokerProxy.Request, group: String) -> [UInt8] {
        let notAuthorized: Int16 = 30
        var answer = request.version >= 1 ? WireWriter.int32(0) : []
        answer += WireWriter.int32(1) + WireWriter.int16(notAuthorized) + WireWriter.string(group)
        for _ in 1...3 { answer += WireWriter.string("") }
        answer += WireWriter.int32(0)
        if request.version >= 3 { answer += WireWriter.int32(.min) }
        return answer
    }
}
