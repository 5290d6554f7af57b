import JSON

extension ValueNode {
    /// In the language, on one line.
    public var printed: String {
        switch content {
        case .variable(let name): "$\(name)"
        case .int(let text), .float(let text), .enumeration(let text): text
        case .string(let text): JSONValue.string(text).description
        case .boolean(let flag): flag ? "true" : "false"
        case .null: "null"
        case .list(let elements): "[\(elements.map(\.printed).joined(separator: ", "))]"
        case .object(let fields):
            if fields.isEmpty {
                "{}"
            } else {
                "{ \(fields.map { "\($0.name.text): \($0.value.printed)" }.joined(separator: ", ")) }"
            }
        }
    }
}

extension DirectiveNode {
    var printed: String {
        guard !arguments.isEmpty else { return "@\(name.text)" }
        return "@\(name.text)(\(arguments.map { "\($0.name.text): \($0.value.printed)" }.joined(separator: ", ")))"
    }
}
