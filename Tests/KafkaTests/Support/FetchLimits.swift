import TestServers

/// How many bytes a Fetch request (versions 5 to 11) asks for, in all and of each partition.
struct FetchLimits {
    static let api: Int16 = 1

    let all: Int32
    private(set) var partitions: [Int32: Int32] = [:]

    init(_ request: BrokerProxy.Request) {
        precondition((5...11).contains(request.version))
        var reader = WireReader(request.bytes)
        _ = reader.take(8)
        _ = reader.string()  // client
        _ = reader.take(4 + 4 + 4)  // replica, longest wait, least bytes
        all = reader.int32()
        _ = reader.take(1)  // isolation
        if request.version >= 7 { _ = reader.take(4 + 4) }  // session
        for _ in 0..<reader.int32() {
            _ = reader.string()
            for _ in 0..<reader.int32() {
                let partition = reader.int32()
                if request.version >= 9 { _ = reader.take(4) }  // leader's epoch
                _ = reader.take(8 + 8)  // offset, start of the log
                partitions[partition] = reader.int32()
            }
        }
    }
}
