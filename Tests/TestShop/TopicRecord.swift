import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A Kafka record as kcat shows it.
public struct TopicRecord: Sendable {
    public let topic: String
    public let partition: Int
    public let offset: Int
    public let key: String?
    public let headers: [String: String]
    public let value: String

    init(_ json: Data) throws {
        guard let record = try JSONSerialization.jsonObject(with: json) as? [String: Any] else {
            throw URLError(.cannotParseResponse)
        }
        topic = record["topic"] as? String ?? ""
        partition = record["partition"] as? Int ?? -1
        offset = record["offset"] as? Int ?? -1
        key = record["key"] as? String
        value = record["payload"] as? String ?? ""
        let list = record["headers"] as? [String] ?? []
        headers = Dictionary(
            stride(from: 0, to: list.count - 1, by: 2).map { (list[$0], list[$0 + 1]) }, uniquingKeysWith: { $1 })
    }

    /// The envelope's `type` and `payload`.
    public var type: String? { (try? envelope())?["type"] as? String }
    public var payload: [String: Any] { (try? envelope())?["payload"] as? [String: Any] ?? [:] }

    public func envelope() throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(value.utf8)) as? [String: Any] ?? [:]
    }
}

/// Key and headers of a record: what a whole topic can be held in memory of.
public struct RecordHeaders: Sendable {
    public let key: String?
    public let headers: [String: String]

    public var type: String? { headers["ce_type"] }
}

extension Shop {
    /// As `records`, without the values.
    public func headers(of topic: String) throws -> [RecordHeaders] {
        let text = try Self.run(
            [
                "kcat", "-b", broker.bootstrapServers, "-q", "-C", "-t", topic, "-o", "beginning", "-e", "-f",
                "%k\\t%h\\n",
            ],
            environment: [:])
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            let pairs = parts.count < 2 ? [] : parts[1].split(separator: ",")
            let headers = pairs.compactMap { pair -> (String, String)? in
                let sides = pair.split(separator: "=", maxSplits: 1)
                return sides.count == 2 ? (String(sides[0]), String(sides[1])) : nil
            }
            return RecordHeaders(
                key: parts[0].isEmpty ? nil : String(parts[0]), headers: Dictionary(headers, uniquingKeysWith: { $1 }))
        }
    }

    /// The same of a topic and its express lane: each order's records are on one of them.
    public func headers(ofLanes topic: String) throws -> [RecordHeaders] {
        try headers(of: topic) + headers(of: topic + "-express")
    }

    /// A service's database as SQL.
    public func dump(_ service: String) throws -> String {
        try Self.run(["pg_dump", "--inserts", postgres.url(database: "orderflow_\(service)")], environment: [:])
    }
}
