import JSON
import Messaging
import OrderflowKit

/// One batch of one tenant.
struct BatchKey: Hashable, Sendable, Comparable {
    let tenant: String
    let batchID: String

    static func < (a: BatchKey, b: BatchKey) -> Bool { (a.tenant, a.batchID) < (b.tenant, b.batchID) }
}

/// Where an order stood in the batch that it came in.
struct BatchPlace: Hashable, Sendable {
    let batchID: String
    /// From 1.
    let line: Int

    init(batchID: String, line: Int) {
        self.batchID = batchID
        self.line = line
    }

    /// Of an order, by the metadata of its first event; nil where it came alone. Nearly all do: their metadata isn't
    /// parsed.
    init?(_ metadata: [UInt8]) throws {
        guard metadata.containsMember(Self.member) else { return nil }
        let metadata = try metadata.withUnsafeBytes { try EventMetadata(json: $0) }
        guard let batchID = metadata.batch else { return nil }
        self.init(batchID: batchID, line: metadata.batchLine ?? 0)
    }

    /// As `EventMetadata.json()` writes it. A quote inside of a text is escaped there, so that no value reads so.
    private static let member = Array(#""batch":"#.utf8)
}

extension [UInt8] {
    func containsMember(_ member: [UInt8]) -> Bool {
        withUnsafeBytes { bytes in
            member.withUnsafeBytes { member in
                guard bytes.count >= member.count else { return false }
                return (0...(bytes.count - member.count)).contains { start in
                    bytes[start] == member[0]
                        && UnsafeRawBufferPointer(rebasing: bytes[start..<start + member.count])
                            .elementsEqual(member)
                }
            }
        }
    }
}
