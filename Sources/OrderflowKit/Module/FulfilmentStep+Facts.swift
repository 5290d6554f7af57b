import JSON
import Messaging
import Orders

extension FulfilmentStep {
    /// What people are told when a fact of `failedBy` comes.
    package func failure(type: String, payload: [UInt8]) -> String {
        Self.reason(payload).map { "\(name): \($0)" } ?? type
    }

    /// The words of a fact, in its member `reason`; nil where it has none.
    package static func reason(_ payload: [UInt8]) -> String? {
        guard let words = try? member("reason", of: payload), !words.isEmpty else { return nil }
        return words
    }

    private static func member(_ name: String, of payload: [UInt8]) throws -> String? {
        var found: String?
        try payload.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.readObject { key, reader in
                if key.string == name, reader.peekKind() == .string {
                    found = try reader.readString()
                } else {
                    try reader.skipValue()
                }
            }
            try reader.end()
        }
        return found
    }
}

extension InboundMessage {
    /// The order that a fact of a step is about. A step may have facts of its own, of which nothing is known but this.
    package func fulfilmentOrderID() throws(MessageRejected) -> String? {
        if let known = try payload(of: []) as? any OrderPayload { return known.orderID }
        let id: String
        do throws(PayloadError) {
            id = try NamedOrder(encodedPayload, type: type).orderID
        } catch {
            throw MessageRejected("\(error)")
        }
        guard !isKeyed || id == key else { throw MessageRejected("\(type): /orderId is not the record's key") }
        return id
    }
}
