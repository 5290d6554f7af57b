/// A row of a replica: a tenant's, by the values of the key columns. Keys are bytes: two spellings of one letter are two
/// keys, as they are for PostgreSQL and Kafka.
package struct ReplicaKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let tenant: String
    package let values: [String]
    /// All of it; U+0000 is in no text that a table holds.
    private let bytes: [UInt8]

    package init(tenant: String, _ values: [String]) {
        self.tenant = tenant
        self.values = values
        var bytes = Array(tenant.utf8)
        for value in values {
            bytes.append(0)
            bytes += value.utf8
        }
        self.bytes = bytes
    }

    package static func == (a: ReplicaKey, b: ReplicaKey) -> Bool { a.bytes == b.bytes }
    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
    package static func < (a: ReplicaKey, b: ReplicaKey) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    package var description: String { values.joined(separator: "/") }
}
