import JSON
import Orders

/// The body of `POST /webhooks` and `PATCH /webhooks/{id}`: `{"url":"https://…","types":["OrderConfirmed","Payment*"]}`.
struct WebhookRequest: Hashable, Sendable {
    let url: String?
    let types: [String]?

    /// - Parameters:
    ///   - isWhole: whether both members are required; else at least one.
    ///   - fault: what is wrong with a URL.
    init(
        _ body: UnsafeRawBufferPointer, isWhole: Bool, types known: EventTypes, fault: (String) -> String?
    ) throws(OrderRequest.Refusal) {
        var url: String?
        var types: [String]?
        try OrderRequest.Refusal.reading(body) { key, reader in
            if key == "url" {
                let text = try reader.readString(limit: Self.urlLimit)
                if let fault = fault(text) { throw OrderRequest.Violation(detail: fault) }
                url = text
            } else if key == "types" {
                var patterns: [String] = []
                try reader.readArray { _, reader in
                    let pattern = try reader.readString(limit: Self.typeLimit)
                    guard known.knows(pattern) else {
                        throw OrderRequest.Violation(
                            detail: "is none of \(known.names.joined(separator: ", ")), nor the beginning of one and *")
                    }
                    guard patterns.count < EventTypes.limit else { throw TooManyTypes() }
                    if !patterns.contains(pattern) { patterns.append(pattern) }
                }
                types = patterns
            } else {
                try reader.skipValue()
            }
        }
        var violations: [OrderRequest.Violation] = []
        if isWhole || types != nil, types?.isEmpty != false {
            violations.append(
                OrderRequest.Violation(
                    pointer: "/types", detail: types == nil ? "is required" : "must have at least one"))
        }
        if isWhole, url == nil { violations.append(OrderRequest.Violation(pointer: "/url", detail: "is required")) }
        if !isWhole, url == nil, types == nil {
            violations.append(OrderRequest.Violation(pointer: "", detail: "must have url or types"))
        }
        guard violations.isEmpty else { throw .invalid(violations) }
        self.url = url
        self.types = types
    }

    /// Bytes.
    static let urlLimit = 2_048
    private static let typeLimit = 128

    private struct TooManyTypes: Error, CustomStringConvertible {
        let description = "types must have at most \(EventTypes.limit) elements"
    }
}
