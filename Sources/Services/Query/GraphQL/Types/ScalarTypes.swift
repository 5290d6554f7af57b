import GraphQL
import JSON

extension SchemaPart {
    /// What JSON has no type of its own for. Numbers keep the digits that they are stored with.
    static let scalars = SchemaPart(
        """
        "An amount with all digits of its currency, such as `\\"49.99\\"`: a string, so that no client rounds it. A number is taken too."
        scalar Decimal

        "A time in UTC by RFC 3339, such as `\\"2026-01-31T12:00:00Z\\"`."
        scalar DateTime @specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc3339")

        "A day in UTC, such as `\\"2026-01-31\\"`."
        scalar Date

        "A whole number that may be too large for an `Int`."
        scalar Long

        "Any JSON value."
        scalar JSON @specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc8259")
        """)

    /// How values of the scalars are checked.
    static let coercions: [String: ScalarCoercion] = [
        "Decimal": ScalarCoercion(
            result: { value in value.number.map { .string($0.text) } ?? value },
            input: { value in
                switch value {
                case .string, .number: return value
                default: throw FieldError("a Decimal is a string such as \"49.99\"", code: "BAD_USER_INPUT")
                }
            }),
        "DateTime": ScalarCoercion(input: { try time($0) }),
        "Date": ScalarCoercion(input: { try day($0) }),
        "Long": ScalarCoercion(input: { value in
            guard value.int64 != nil else { throw FieldError("a Long is a whole number", code: "BAD_USER_INPUT") }
            return value
        }),
    ]

    private static func time(_ value: JSONValue) throws -> JSONValue {
        guard let text = value.string, RFC3339.microseconds(text) != nil else {
            throw FieldError(
                "a DateTime is an RFC 3339 time such as \"2026-01-31T12:00:00Z\"", code: "BAD_USER_INPUT")
        }
        return value
    }

    private static func day(_ value: JSONValue) throws -> JSONValue {
        guard let text = value.string, text.utf8.count == 10, RFC3339.microseconds("\(text)T00:00:00Z") != nil else {
            throw FieldError("a Date is a day such as \"2026-01-31\"", code: "BAD_USER_INPUT")
        }
        return value
    }
}
