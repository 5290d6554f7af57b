import JSON

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
    /// Lines for a column, which `stored` reads.
    public static func json(_ items: [OrderLine]) -> [UInt8] {
        var json = JSONWriter()
        json.lines(items)
        return json.bytes
    }

    /// Lines that we have written ourselves; those of strangers want a stricter look.
    public static func stored(_ reader: inout JSONReader) throws -> [OrderLine] {
        var items: [OrderLine] = []
        try reader.readArray { _, reader in
            var sku = ""
            var quantity: Int64 = 0
            try reader.readObject { key, reader in
                if key == "sku" { sku = try reader.readString() } else { quantity = try reader.readInt64() }
            }
            items.append(OrderLine(sku: sku, quantity: Int(quantity)))
        }
        return items
    }
}
