/// A place in a list, opaque to clients.
struct ListCursor: Hashable, Sendable {
    let createdAt: Int64
    let orderID: String

    init(createdAt: Int64, orderID: String) {
        self.createdAt = createdAt
        self.orderID = orderID
    }

    /// What a `timestamptz` can say: every row has a cursor, those that an earlier version has written among them.
    private static let times: Range<Int64> = -210_866_803_200_000_000 ..< .max

    /// Nil for a text that no `encoded` gives.
    init?(encoded text: String) {
        // A time before 1970 has a sign of its own.
        guard let dash = text.dropFirst().firstIndex(of: "-"), let createdAt = Int64(text[..<dash], radix: 36),
            Self.times.contains(createdAt)
        else { return nil }
        let id = text[text.index(after: dash)...]
        guard !id.isEmpty else { return nil }
        self.init(createdAt: createdAt, orderID: String(id))
    }

    var encoded: String { String(createdAt, radix: 36) + "-" + orderID }
}
