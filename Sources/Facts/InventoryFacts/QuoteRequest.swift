import JSON
import Orders
import Schemas

/// Asks whether these lines could be set aside now. Sets nothing aside.
public struct QuoteRequest: RequestPayload {
    public typealias Reply = Quote
    public static let type = "QuoteRequest"

    public let items: [OrderLine]

    public init(items: [OrderLine]) { self.items = items }

    public static let schema = MessageSchema(
        type, "Asks whether these lines could be set aside now. Sets nothing aside.",
        [.init(1, "items", .list(.record(OrderLine.schema)))])

    public init(_ members: PlainMembers) throws(PayloadError) {
        var items: [OrderLine] = []
        try members.read { key, reader in
            guard key == "items" else { return try reader.skipValue() }
            try reader.readArray(limit: OrderRequest.Limit.items.upperBound) { _, reader in
                items.append(try OrderLine.checked(&reader))
            }
        }
        guard !items.isEmpty else { throw PayloadError(type: Self.type, detail: "/items is required") }
        self.items = items
    }

    public func write(into json: inout JSONWriter) { json.items(items) }
}
