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
