import JSON
import Schemas

extension JSONWriter {
    /// An order's lines as an array.
    mutating func lines(_ items: [OrderLine]) {
        array { json in
            for item in items {
                json.object {
                    $0.field("sku", item.sku)
                    $0.field("qty", item.quantity)
                }
            }
        }
    }
}

extension OrderLine {
    public static let schema = RecordSchema("OrderLine", [.init(1, "sku", .text), .init(2, "qty", .int32)])

    /// Lines for a column, which `stored` reads.
    public static func json(_ items: [OrderLine]) -> [UInt8] {
        var json = JSONWriter()
        json.lines(items)
        return json.bytes
    }

    /// One line by a stranger, in a request or on a topic.
    package static func checked(_ reader: inout JSONReader) throws -> OrderLine {
        var sku: String?
        var quantity: Int64?
        try reader.readObject { key, reader in
            if key == "sku" {
                sku = try RequestText.required(&reader, limit: OrderRequest.Limit.sku)
            } else if key == "qty" {
                let value = try reader.readInt64()
                guard OrderRequest.Limit.quantity.contains(value) else {
                    throw OrderRequest.Violation(
                        detail:
                            "must be from \(OrderRequest.Limit.quantity.lowerBound) to \(OrderRequest.Limit.quantity.upperBound)"
                    )
                }
                quantity = value
            } else {
                try reader.skipValue()
            }
        }
        guard let sku else { throw OrderRequest.Violation(pointer: "/sku", detail: "is required") }
        guard let quantity else { throw OrderRequest.Violation(pointer: "/qty", detail: "is required") }
        return OrderLine(sku: sku, quantity: Int(quantity))
    }

    /// Lines that we have written ourselves: with the bounds of the day on which they came in. Members that a later
    /// version has written are passed over.
    public static func stored(_ reader: inout JSONReader) throws -> [OrderLine] {
        var items: [OrderLine] = []
        try reader.readArray { _, reader in
            var sku: String?
            var quantity: Int64?
            try reader.readObject { key, reader in
                if key == "sku" {
                    sku = try reader.readString()
                } else if key == "qty" {
                    quantity = try reader.readInt64()
                } else {
                    try reader.skipValue()
                }
            }
            guard let sku, let quantity, quantities.contains(quantity) else {
                throw JSONError(
                    reason: "must have a sku and a qty from \(quantities.lowerBound) to \(quantities.upperBound)",
                    offset: reader.offset)
            }
            items.append(OrderLine(sku: sku, quantity: Int(quantity)))
        }
        return items
    }
}
