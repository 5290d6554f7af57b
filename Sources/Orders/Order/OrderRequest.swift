import JSON

/// The body of `POST /orders`, checked.
public struct OrderRequest: Hashable, Sendable {
    public let userID: String
    public let items: [OrderLine]
    public let total: Money
    public let email: String?
    public let shippingAddress: String?
    public let paymentToken: String?
    /// Whether it is to go ahead of orders that aren't: `"priority":"express"`.
    public let isExpress: Bool

    /// Bounds of a request, in one place.
    public enum Limit {
        /// Bytes of the whole body.
        public static let bytes = 64 << 10
        public static let items = 1...500
        public static let quantity: ClosedRange<Int64> = 1...10_000
        /// UTF-8 bytes; long enough for any e-mail address used as an id.
        public static let userID = 256
        public static let sku = 128
        public static let email = 254  // RFC 5321 §4.5.3.1.3
        public static let address = 1_000
        public static let token = 255
    }

    /// What is wrong with a body, and where (RFC 6901 pointer).
    public struct Violation: JSONLocated, Hashable, Sendable, CustomStringConvertible {
        public var pointer: String
        public let detail: String

        /// - Parameter pointer: empty where it is thrown inside a reader's closure, which completes it.
        public init(pointer: String = "", detail: String) {
            self.pointer = pointer
            self.detail = detail
        }

        public var description: String { "\(pointer) \(detail)" }
    }

    /// Why a body is refused.
    public enum Refusal: Error, Sendable {
        /// Not JSON at all.
        case malformed(JSONError)
        /// JSON, but no order.
        case invalid([Violation])
    }

    /// Reads a body. Unknown members are ignored; a wrong type, a missing member or a value out of bounds is refused
    /// with its place. Strict: whatever a strict parser refuses is refused here.
    public init(json: UnsafeRawBufferPointer) throws(Refusal) {
        var fields = Fields()
        do {
            var reader = JSONReader(json)
            try reader.readObject { key, reader in try fields.read(key, &reader) }
            try reader.end()
        } catch let violation as Violation {
            throw .invalid([violation])
        } catch is TooManyItems {
            throw .invalid([
                Violation(pointer: "/items", detail: "must have at most \(Limit.items.upperBound) items")
            ])
        } catch let error as JSONError {
            throw error.isWrongType
                ? .invalid([Violation(pointer: error.pointer, detail: error.reason)]) : .malformed(error)
        } catch {
            throw .invalid([Violation(pointer: "", detail: "\(error)")])
        }
        var violations: [Violation] = []
        let currency = fields.currency ?? .usd
        if fields.userID == nil { violations.append(Violation(pointer: "/userId", detail: "is required")) }
        if fields.items.isEmpty {
            violations.append(
                Violation(pointer: "/items", detail: fields.sawItems ? "must have at least one item" : "is required"))
        }
        var total: Money?
        if let text = fields.total {
            do {
                total = try Money(decimal: text, currency: currency)
            } catch {
                violations.append(Violation(pointer: "/total", detail: "\(error)"))
            }
        } else {
            violations.append(Violation(pointer: "/total", detail: "is required"))
        }
        guard violations.isEmpty, let userID = fields.userID, let total else { throw .invalid(violations) }
        self.userID = userID
        items = fields.items
        self.total = total
        email = fields.email
        shippingAddress = fields.shippingAddress
        paymentToken = fields.paymentToken
        isExpress = fields.isExpress
    }
}

/// Thrown out of the middle of the array, but speaks of the array.
private struct TooManyItems: Error {}

/// What has been read so far.
private struct Fields {
    var userID: String?
    var items: [OrderLine] = []
    var sawItems = false
    var total: [UInt8]?
    var currency: Currency?
    var email: String?
    var shippingAddress: String?
    var paymentToken: String?
    var isExpress = false

    typealias Limit = OrderRequest.Limit

    mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "userId" {
            userID = try RequestText.required(&reader, limit: Limit.userID)
        } else if key == "items" {
            sawItems = true
            try reader.readArray { index, reader in
                guard index < Limit.items.upperBound else {
                    throw TooManyItems()
                }
                items.append(try OrderLine.checked(&reader))
            }
        } else if key == "total" {
            total = try Self.amount(&reader)
        } else if key == "currency" {
            guard let known = Currency(code: try reader.readString()), known.isCurrent else {
                throw OrderRequest.Violation(detail: "is not an ISO 4217 code of a currency in use")
            }
            currency = known
        } else if key == "email" {
            email = try RequestText.optional(&reader, limit: Limit.email, RequestText.emailFlaw)
        } else if key == "shippingAddress" {
            shippingAddress = try RequestText.optional(&reader, limit: Limit.address, lines: true)
        } else if key == "paymentToken" {
            paymentToken = try RequestText.optional(&reader, limit: Limit.token)
        } else if key == "priority" {
            isExpress = try Self.isExpress(&reader)
        } else {
            try reader.skipValue()
        }
    }

    /// A priority that isn't known is refused: nobody should believe that an order goes ahead which doesn't.
    private static func isExpress(_ reader: inout JSONReader) throws -> Bool {
        switch try RequestText.optional(&reader, limit: 16) {
        case nil, "ordinary": false
        case "express": true
        default: throw OrderRequest.Violation(detail: "must be ordinary or express")
        }
    }

    private static func amount(_ reader: inout JSONReader) throws -> [UInt8] {
        switch reader.peekKind() {
        case .string: Array(try reader.readString().utf8)
        default: Array(try reader.readNumberText().utf8)
        }
    }
}
