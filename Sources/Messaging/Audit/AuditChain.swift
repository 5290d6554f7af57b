import Hashing
import Postgres

/// Whether a log is as it was written: each record against its hash and the previous one's, the last one against the head.
///
/// Found are records that were changed, taken away, put in or exchanged, also at the end. Not found is the work of who can
/// drop the triggers and writes a chain of his own from some record on, its head too; a head that was noted elsewhere
/// (`orderflow audit heads`) tells that one as well.
public enum AuditChain {
    /// The last record's place and hash; place 0 before the first.
    public struct Head: Hashable, Sendable {
        public let position: Int64
        public let hash: [UInt8]

        public init(position: Int64, hash: [UInt8]) {
            self.position = position
            self.hash = hash
        }
    }

    public struct Flaw: Hashable, Sendable, CustomStringConvertible {
        /// Of the record; nil for what is wrong with the end.
        public let position: Int64?
        public let description: String
    }

    /// Of a log without records.
    static let origin = Digest.sha256.hash([])

    public static func head(on connection: Connection) throws -> Head {
        let row = try connection.query("SELECT position, hash FROM audit_head").one()
        return Head(position: try row.get(0, as: Int64.self), hash: try row.get(1, as: [UInt8].self))
    }

    /// Reads the whole log, some records at a time.
    ///
    /// - Parameter noted: a head of this log that was noted before: the log has to go on from it.
    /// - Returns: the flaws, at most `limit`; behind one that breaks the chain the records are judged by the hash that
    ///   they name themselves, so that each flaw is told once.
    public static func flaws(noted: Head? = nil, limit: Int = 100, on connection: Connection) throws -> [Flaw] {
        // Records up to here are there whatever is appended meanwhile.
        let heads = try connection.query("SELECT position, hash FROM audit_head")
        guard heads.count == 1 else { return [Flaw(position: nil, description: "the head of the log is gone")] }
        let head = Head(position: try heads[0].get(0, as: Int64.self), hash: try heads[0].get(1, as: [UInt8].self))
        var flaws: [Flaw] = []
        var last = Head(position: 0, hash: origin)
        var isNotedSeen = noted.map { $0 == last } ?? true
        var cursor = Int64.min
        while flaws.count < limit {
            let records = try AuditLog.page(after: cursor, limit: 1_000, on: connection)
            guard !records.isEmpty else { break }
            for record in records {
                cursor = record.position
                guard record.position > last.position else {
                    let flaw = "record \(record.position) has no place in the log"
                    flaws.append(Flaw(position: record.position, description: flaw))
                    continue
                }
                if record.position - 1 > last.position {
                    let missing = last.position + 1...record.position - 1
                    flaws.append(Flaw(position: missing.lowerBound, description: "\(text(missing)) missing"))
                } else if record.hash != record.link(after: last.hash) {
                    flaws.append(
                        Flaw(
                            position: record.position,
                            description: "record \(record.position) was changed, or the one before it"))
                }
                last = Head(position: record.position, hash: record.hash)
                isNotedSeen = isNotedSeen || last == noted
            }
        }
        if flaws.count < limit {
            if last.position < head.position {
                flaws.append(
                    Flaw(position: nil, description: "\(text(last.position + 1...head.position)) missing at the end"))
            } else if last.position == head.position, last.hash != head.hash {
                flaws.append(Flaw(position: nil, description: "the last record isn't the one that the head names"))
            }
            if !isNotedSeen {
                flaws.append(
                    Flaw(position: noted?.position, description: "the record that was noted as the head isn't there"))
            }
        }
        return Array(flaws.prefix(limit))
    }

    private static func text(_ positions: ClosedRange<Int64>) -> String {
        positions.count == 1
            ? "record \(positions.lowerBound) is" : "records \(positions.lowerBound) to \(positions.upperBound) are"
    }
}
