import Execution
import Hashing
import JSON
import Orders

/// Orders out of the rows of a table with a header.
///
///     order,userId,sku,qty,price,currency
///     1001,alice,ABC,2,19.99,EUR
///     1001,alice,XYZ,1,5.00,EUR
///     1002,bob,ABC,1,19.99,EUR
///
/// Rows that have the same `order` and stand together are the lines of one order. Its total is the sum of price times
/// quantity, or what the column `total` says.
struct CSVOrders {
    enum Column: String, CaseIterable {
        case order, userId, sku, qty, price, total, currency, email, shippingAddress, paymentToken, priority

        /// Those that an order has once, however many lines it has.
        static let once: [Column] = [
            .userId, .total, .currency, .email, .shippingAddress, .paymentToken, .priority,
        ]
    }

    /// What has come of an order.
    private struct Draft {
        let line: Int
        /// Of the column `order`; nil for a row that is an order by itself.
        let name: [UInt8]?
        var once: [Column: String] = [:]
        var items: [(sku: String, quantity: Int64)] = []
        /// Sum of the lines in minor units; nil without prices.
        var sum: Int64?
        var flaw: String?
        let text: [UInt8]
    }

    private let columns: [Column?]
    private let separator: UInt8
    private var draft: Draft?
    /// Fingerprints of the orders that have ended: rows of one that come again would make a second order of it.
    private var seen: Set<Fingerprint> = []

    /// Orders that are remembered: beyond, rows of one order that don't stand together aren't noticed.
    static let seenLimit = 1_000_000

    /// - Parameter ignoresUnknown: whether columns that no order has are passed over.
    init(header: CSVParser.Row, separator: UInt8 = UInt8(ascii: ","), ignoresUnknown: Bool) throws(ImportError) {
        self.separator = separator
        if let flaw = header.flaw { throw ImportError("the header \(flaw)") }
        let known = Dictionary(uniqueKeysWithValues: Column.allCases.map { ($0.rawValue.lowercased(), $0) })
        var columns: [Column?] = []
        for field in header.fields {
            let name = Self.trimmed(String(decoding: field, as: UTF8.self))
            let column = known[name.lowercased()]
            guard column != nil || ignoresUnknown else {
                throw ImportError(
                    "the header has an unknown column \"\(name)\"; there are "
                        + Column.allCases.map(\.rawValue).joined(separator: ", ")
                        + ", and --ignore-unknown-columns passes others over")
            }
            if let column, columns.contains(column) {
                throw ImportError("the header has the column \(column.rawValue) twice")
            }
            columns.append(column)
        }
        for column in [Column.userId, .sku, .qty] where !columns.contains(column) {
            throw ImportError("the header lacks the column \(column.rawValue)")
        }
        guard columns.contains(.price) || columns.contains(.total) else {
            throw ImportError("the header has neither a column price nor a column total")
        }
        self.columns = columns
    }

    /// Takes a row; returns the order before, once it is clear that it has ended.
    mutating func take(_ row: CSVParser.Row) -> ImportRecord? {
        let name = columns.firstIndex(of: .order).flatMap { $0 < row.fields.count ? row.fields[$0] : nil }
        let isNamed = name.map { !$0.isEmpty } ?? false
        if draft != nil, isNamed, draft?.name == name {
            add(row)
            return nil
        }
        // Whose line a broken row is can't be known: the order before it isn't whole without it, perhaps.
        let isStray = draft?.name != nil && name == nil && row.fields.count != columns.count
        if isStray {
            note("is followed by line \(row.line), which has \(row.fields.count) fields, and may lack a line")
        }
        let ended = end()
        draft = Draft(
            line: row.line, name: isNamed ? name : nil, text: Array(row.fields.joined(separator: [separator])))
        if isNamed, let name, !remember(name) {
            note("has rows of an order that stood further up: rows of one order have to stand together")
        }
        add(row)
        return ended
    }

    /// The last order.
    mutating func finish() -> ImportRecord? { end() }

    // MARK: Rows

    /// The first one counts.
    private mutating func note(_ flaw: String) { if draft?.flaw == nil { draft?.flaw = flaw } }

    /// The order's place names its first line already.
    private mutating func note(_ flaw: String, line: Int) {
        note(line == draft?.line ? flaw : "line \(line): \(flaw)")
    }

    /// False where it was there before.
    private mutating func remember(_ name: [UInt8]) -> Bool {
        guard seen.count < Self.seenLimit else { return true }
        return seen.insert(name.withUnsafeBytes { Fingerprint(of: $0) }).inserted
    }

    private mutating func add(_ row: CSVParser.Row) {
        if let flaw = row.flaw { return note(flaw, line: row.line) }
        guard row.fields.count == columns.count else {
            return note("has \(row.fields.count) fields, the header has \(columns.count)", line: row.line)
        }
        var cells: [Column: String] = [:]
        for (column, field) in zip(columns, row.fields) {
            guard let column, !field.isEmpty else { continue }
            guard let text = String(validating: field, as: UTF8.self) else {
                return note("\(column.rawValue) is no UTF-8 text", line: row.line)
            }
            cells[column] = text
        }
        for column in Column.once {
            guard let text = cells[column] else { continue }
            if let before = draft?.once[column], before != text {
                return note("\(column.rawValue) is another one than in the order's first line", line: row.line)
            }
            // Later lines may leave out what the first has said, and say nothing new.
            if draft?.items.isEmpty ?? true { draft?.once[column] = text }
        }
        guard let sku = cells[.sku] else { return note("sku is empty", line: row.line) }
        guard let quantity = cells[.qty].flatMap({ Int64(Self.trimmed($0)) }) else {
            return note("qty is no whole number", line: row.line)
        }
        addPrice(cells[.price], quantity, line: row.line)
        guard let count = draft?.items.count, count <= OrderRequest.Limit.items.upperBound else { return }
        draft?.items.append((sku, quantity))
    }

    private mutating func addPrice(_ text: String?, _ quantity: Int64, line: Int) {
        guard draft?.once[.total] == nil else { return }
        guard let text else { return note("price is empty, and there is no total", line: line) }
        guard let currency = Currency(code: draft?.once[.currency].map(Self.trimmed) ?? "USD") else {
            return note("currency is not an ISO 4217 code", line: line)
        }
        let price: Money
        do {
            price = try Money(decimal: Self.trimmed(text), currency: currency)
        } catch {
            return note("price \(error)", line: line)
        }
        let (product, isTooMuch) = price.minorUnits.multipliedReportingOverflow(by: quantity)
        let (sum, overflows) = (draft?.sum ?? 0).addingReportingOverflow(product)
        if isTooMuch || overflows { return note("the total is too much", line: line) }
        draft?.sum = sum
    }

    // MARK: Orders

    private mutating func end() -> ImportRecord? {
        guard let draft else { return nil }
        self.draft = nil
        let place = ImportRecord.Place(unit: .line, number: draft.line)
        if let flaw = draft.flaw { return ImportRecord(flaw: flaw, text: draft.text, at: place) }
        let currency = draft.once[.currency].map(Self.trimmed)
        var total = draft.once[.total].map(Self.trimmed)
        if total == nil, let sum = draft.sum, let known = Currency(code: currency ?? "USD") {
            total = Money(minorUnits: sum, currency: known).decimalText
        }
        var json = JSONWriter(capacity: 256)
        json.object { json in
            json.field("userId", draft.once[.userId])
            json.key("items")
            json.array { json in
                for item in draft.items {
                    json.object {
                        $0.field("sku", item.sku)
                        $0.field("qty", item.quantity)
                    }
                }
            }
            json.field("total", total)
            json.field("currency", currency)
            json.field("email", draft.once[.email])
            json.field("shippingAddress", draft.once[.shippingAddress])
            json.field("paymentToken", draft.once[.paymentToken])
            json.field("priority", draft.once[.priority].map(Self.trimmed))
        }
        return ImportRecord(json.bytes, at: place)
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
