import JSON

/// Texts in request bodies, checked for what a database, a mail header or a person can't take.
enum RequestText {
    /// - Parameter lines: whether it may have several, with tabs.
    static func required(_ reader: inout JSONReader, limit: Int, lines: Bool = false) throws -> String {
        let text = try reader.readString()
        guard !text.isEmpty else { throw OrderRequest.Violation(detail: "must not be empty") }
        try check(text, limit: limit, lines: lines)
        return text
    }

    /// Nil for null.
    static func optional(
        _ reader: inout JSONReader, limit: Int, lines: Bool = false, _ flaw: (String) -> String? = { _ in nil }
    ) throws -> String? {
        if try reader.readIfNull() { return nil }
        let text = try reader.readString()
        try check(text, limit: limit, lines: lines)
        if let flaw = flaw(text) { throw OrderRequest.Violation(detail: flaw) }
        return text
    }

    /// What is wrong with an e-mail address.
    static func emailFlaw(_ text: String) -> String? {
        EmailSyntax.isAddress(text) ? nil : "is not an e-mail address"
    }

    private static func check(_ text: String, limit: Int, lines: Bool) throws {
        guard text.utf8.count <= limit else {
            throw OrderRequest.Violation(detail: "must have at most \(limit) bytes of UTF-8")
        }
        // PostgreSQL has no NUL in text, and control characters have no business in names, keys and mail headers.
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || lines && ($0 == 0x0A || $0 == 0x09) }) else {
            throw OrderRequest.Violation(detail: "must not have control characters")
        }
    }
}

extension OrderRequest.Refusal {
    /// Reads a body that has to be an object, handing each member to `member`.
    public static func reading(
        _ json: UnsafeRawBufferPointer, _ member: (JSONKey, inout JSONReader) throws -> Void
    ) throws(OrderRequest.Refusal) {
        do {
            var reader = JSONReader(json)
            try reader.readObject(member)
            try reader.end()
        } catch let violation as OrderRequest.Violation {
            throw .invalid([violation])
        } catch let error as JSONError {
            throw error.isWrongType
                ? .invalid([OrderRequest.Violation(pointer: error.pointer, detail: error.reason)]) : .malformed(error)
        } catch {
            throw .invalid([OrderRequest.Violation(pointer: "", detail: "\(error)")])
        }
    }
}
