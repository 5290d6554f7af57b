import JSON
import Messaging
import Orders

/// An order that waits because a group can't handle one of its messages: what it asks of that group isn't done before
/// an operator has decided on the letter.
public struct HeldOrder: Hashable, Sendable {
    public let key: OrderKey
    /// As operators call it: `shipping/17`.
    public let letter: String
    public let group: String
    public let topic: String
    public let error: String
    /// Microseconds since the Unix epoch.
    public let since: Int64

    /// - Parameter service: whose database the letter lies in.
    public init(_ entry: DeadLetterQueue.Entry, of service: String) {
        key = Self.order(of: entry)
        letter = "\(service)/\(entry.id)"
        group = entry.group
        topic = entry.source.topic
        error = entry.error
        since = entry.createdAt
    }

    /// Bytes of a record's value that are looked at for what it is about.
    public static let valueLimit = 64 << 10

    public var text: String { "held up by dead letter \(letter) of \(group)" }

    /// The message's own word, in its headers or else its payload; what has neither goes by its key, which by the wire
    /// format is the order's id.
    private static func order(of entry: DeadLetterQueue.Entry) -> OrderKey {
        let headers = try? JSONValue(parsing: entry.headers)
        let said = entry.value.flatMap { payload(of: $0, entry.headers) }?["orderId"]?.string
        // One that is there and no text is nobody's name, and not the standard tenant.
        let tenant = headers?["ce_tenant"].map { $0.string ?? "" }
        return OrderKey(
            tenant: tenant ?? TenantName.standard,
            orderID: headers?["ce_subject"]?.string ?? said ?? entry.key)
    }

    private static func payload(of value: [UInt8], _ headers: [UInt8]) -> JSONValue? {
        if case .json(let payload) = RecordPayload(letter: value, headers: headers) {
            return try? JSONValue(parsing: payload)
        }
        return (try? JSONValue(parsing: value))?["payload"]
    }
}
