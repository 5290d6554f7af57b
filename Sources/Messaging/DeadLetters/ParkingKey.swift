import Hashing

/// What is parked together: one key of one topic.
///
/// Keys are bytes. Here they are text that PostgreSQL can store and index, of which no two keys have the same: most are
/// their own text; others, and those that look like one of these, are named by their bytes or a digest.
struct ParkingKey: Hashable, Comparable, Sendable {
    let topic: String
    let key: String

    init(topic: String, key: String) {
        self.topic = topic
        self.key = key
    }

    /// Of a record at `source`. Without a key nothing is parked with it: such records have no order to keep.
    init(_ key: UnsafeRawBufferPointer?, of source: InboundMessage.Source) {
        self.init(topic: source.topic, key: key.map { Self.text($0) } ?? "record:\(source)")
    }

    /// Of a forged record: nothing is parked with it, whatever key it has. No topic has a name with a colon.
    init(ofForged source: InboundMessage.Source) {
        self.init(topic: source.topic, key: "\(Self.forged)\(source)")
    }

    var isForged: Bool { Self.isForged(key) }
    static func isForged(_ key: String) -> Bool { key.hasPrefix(forged) }
    private static let forged = "record:forged:"

    /// Longest key that is named by its own text, in bytes.
    private static let limit = 512
    private static let reserved = ["record:", "bytes:", "sha256:"]

    static func text(_ key: UnsafeRawBufferPointer) -> String {
        if key.count > limit {
            return "sha256:" + Digest.sha256.hash(key).map { String($0, radix: 16) }.joined(separator: ".")
        }
        if !key.contains(0), let text = String(validating: key, as: UTF8.self),
            !reserved.contains(where: { text.utf8.starts(with: $0.utf8) })
        {
            return text
        }
        return "bytes:" + Hexadecimal.text(key)
    }

    static func < (a: ParkingKey, b: ParkingKey) -> Bool { (a.topic, a.key) < (b.topic, b.key) }
}

extension ConsumedRecord {
    /// What is parked together with this record.
    var parkingKey: ParkingKey { isForged ? ParkingKey(ofForged: source) : ParkingKey(record.key, of: source) }
}
