/// `POST /orders`, rendered once; each request differs in a few digits that are written over in place, so that making
/// one costs the generator nothing next to sending it.
public struct OrderTemplate: Sendable {
    private(set) var bytes: [UInt8]
    private let user: Int
    private let sku: Int
    private let quantity: Int
    private let units: Int
    private let cents: Int
    private let bodyStart: Int

    /// - Parameter host: what the Host header says.
    /// - Parameter headers: more fields of each request.
    public init(host: String, path: String = "/orders", headers: [(name: String, value: String)] = []) {
        var body: [UInt8] = []
        func digits(after text: String, _ count: Int) -> Int {
            body += text.utf8
            defer { body += [UInt8](repeating: UInt8(ascii: "0"), count: count) }
            return body.count
        }
        let user = digits(after: #"{"userId":"user-"#, 6)
        let sku = digits(after: #"","items":[{"sku":"SKU-"#, 4)
        let quantity = digits(after: #"","qty":"#, 1)
        let units = digits(after: #"}],"total":"#, 4)
        let cents = digits(after: ".", 2)
        body.append(UInt8(ascii: "}"))
        let head = """
            POST \(path) HTTP/1.1\r
            Host: \(host)\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            \(headers.map { "\($0.name): \($0.value)\r\n" }.joined())\r

            """
        bytes = Array(head.utf8) + body
        let start = head.utf8.count
        bodyStart = start
        self.user = start + user
        self.sku = start + sku
        self.quantity = start + quantity
        self.units = start + units
        self.cents = start + cents
    }

    /// The order alone.
    var body: ArraySlice<UInt8> { bytes[bodyStart...] }

    /// The request number `number`: customer, article, quantity and amount follow from it, so that two runs are alike.
    mutating func render(_ number: Int) {
        // Knuth's multiplicative hash scatters consecutive numbers.
        let mixed = Int(UInt32(truncatingIfNeeded: number &* 2_654_435_761))
        write(mixed % 1_000_000, digits: 6, at: user)
        write(mixed / 1_000 % 10_000, digits: 4, at: sku)
        write(1 + mixed % 9, digits: 1, at: quantity)
        write(1_000 + mixed % 9_000, digits: 4, at: units)
        write(mixed / 100 % 100, digits: 2, at: cents)
    }

    private mutating func write(_ value: Int, digits: Int, at offset: Int) {
        var rest = value
        for index in stride(from: offset + digits - 1, through: offset, by: -1) {
            bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }
}
