import JSON
import Schemas

/// Where a customer wants things sent. Only the street is needed: it may be the whole address as one text.
public struct PostalAddress: Hashable, Sendable {
    public var street: String
    public var city: String?
    public var region: String?
    public var postalCode: String?
    public var country: String?

    public init(
        street: String, city: String? = nil, region: String? = nil, postalCode: String? = nil, country: String? = nil
    ) {
        self.street = street
        self.city = city
        self.region = region
        self.postalCode = postalCode
        self.country = country
    }

    /// On one line: `1 Main St, Springfield, 12345, US`.
    public var text: String {
        [street, city, region, postalCode, country].compactMap { $0 }.joined(separator: ", ")
    }

    /// UTF-8 bytes of a part.
    static let limit = OrderRequest.Limit.address

    /// A text, or an object with a street.
    init(request reader: inout JSONReader) throws {
        if reader.peekKind() == .string {
            self.init(street: try RequestText.required(&reader, limit: Self.limit, lines: true))
            return
        }
        var street: String?
        self.init(street: "")
        try reader.readObject { key, reader in
            if key == "street" {
                street = try RequestText.required(&reader, limit: Self.limit, lines: true)
            } else if key == "city" {
                city = try RequestText.optional(&reader, limit: Self.limit)
            } else if key == "region" {
                region = try RequestText.optional(&reader, limit: Self.limit)
            } else if key == "postalCode" {
                postalCode = try RequestText.optional(&reader, limit: Self.limit)
            } else if key == "country" {
                country = try RequestText.optional(&reader, limit: Self.limit)
            } else {
                try reader.skipValue()
            }
        }
        guard let street else { throw OrderRequest.Violation(pointer: "/street", detail: "is required") }
        self.street = street
    }

    public static let schema = RecordSchema(
        "PostalAddress",
        [
            .init(1, "street", .text, "May be the whole address."),
            .optional(2, "city", .text), .optional(3, "region", .text), .optional(4, "postalCode", .text),
            .optional(5, "country", .text),
        ])

    /// As a value.
    public func write(into json: inout JSONWriter) {
        json.object {
            $0.field("street", street)
            $0.field("city", city)
            $0.field("region", region)
            $0.field("postalCode", postalCode)
            $0.field("country", country)
        }
    }
}
