import JSON
import Orders
import Schemas

/// What could be set aside of a `QuoteRequest`'s lines at this moment, in their order. Promises nothing: others may be
/// quicker.
public struct Quote: ReplyPayload {
    public static let type = "Quote"

    public struct Line: Hashable, Sendable {
        public let sku: String
        public let quantity: Int
        /// Whether all that the request wants of the article, on whatever lines, can be had.
        public let isAvailable: Bool
        /// Pieces that aren't promised to an order; nil for an article that isn't counted.
        public let stock: Int64?

        public init(sku: String, quantity: Int, isAvailable: Bool, stock: Int64?) {
            self.sku = sku
            self.quantity = quantity
            self.isAvailable = isAvailable
            self.stock = stock
        }
    }

    public let items: [Line]

    public init(items: [Line]) { self.items = items }

    public static let schema = MessageSchema(
        type, "What could be set aside of a request's lines at this moment, in their order.",
        [
            .init(
                1, "items",
                .list(
                    .record(
                        RecordSchema(
                            "QuoteLine",
                            [
                                .init(1, "sku", .text), .init(2, "qty", .int32), .init(3, "available", .bool),
                                .optional(4, "stock", .int64),
                            ]))))
        ])

    public init(_ members: PlainMembers) throws(PayloadError) {
        var items: [Line] = []
        try members.read { key, reader in
            guard key == "items" else { return try reader.skipValue() }
            try reader.readArray(limit: OrderRequest.Limit.items.upperBound) { _, reader in
                items.append(try Line(&reader))
            }
        }
        self.items = items
    }

    public func write(into json: inout JSONWriter) {
        json.key("items")
        json.array { json in
            for item in items {
                json.object {
                    $0.field("sku", item.sku)
                    $0.field("qty", item.quantity)
                    $0.field("available", item.isAvailable)
                    if let stock = item.stock { $0.field("stock", stock) }
                }
            }
        }
    }
}

extension Quote.Line {
    fileprivate init(_ reader: inout JSONReader) throws {
        var sku: String?
        var quantity: Int64?
        var isAvailable: Bool?
        var stock: Int64?
        try reader.readObject { key, reader in
            if key == "sku" {
                sku = try reader.readString(limit: OrderRequest.Limit.sku)
            } else if key == "qty" {
                quantity = try reader.readInt64()
            } else if key == "available" {
                isAvailable = try reader.readBool()
            } else if key == "stock" {
                stock = try reader.readIfNull() ? nil : try reader.readInt64()
            } else {
                try reader.skipValue()
            }
        }
        guard let sku, let quantity, let isAvailable, OrderLine.quantities.contains(quantity) else {
            throw PayloadError(type: Quote.type, detail: "/items: sku, qty and available are required")
        }
        self.init(sku: sku, quantity: Int(quantity), isAvailable: isAvailable, stock: stock)
    }
}
