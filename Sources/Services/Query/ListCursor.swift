import JSON

/// A place in a list, opaque to clients.
struct ListCursor: Hashable, Sendable {
    let createdAt: Int64
    let orderID: String

    init(createdAt: Int64, orderID: String) {
        self.createdAt = createdAt
        self.orderID = orderID
    }

    /// Nil for a text that no `encoded` gives.
    init?(encoded text: String) {
        guard let dash = text.firstIndex(of: "-"), let createdAt = Int64(text[..<dash], radix: 36),
            RFC3339.range.contains(createdAt)
        else { return nil }
        let id = text[text.index(after: dash)...]
        guard !id.isEmpty else { return nil }
        self.init(createdAt: createdAt, orderID: String(id))
    }

    var encoded: String { String(createdAt, radix: 36) + "-" + orderID }
}
