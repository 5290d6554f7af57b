/// The labels of one series, by name, as they stand in the exposition: `group="shipping-group",outcome="handled"`.
/// Written once, when the series is made.
struct LabelSet: Hashable, Comparable, Sendable {
    let text: String
    private let names: [String]

    /// - Parameter reserved: a name that the format uses itself.
    init(_ dimensions: [(String, String)], reserved: String? = nil) {
        var values: [String: String] = [:]
        for (name, value) in dimensions {
            let name = MetricName.label(name)
            values[name == reserved ? "exported_\(name)" : name] = value
        }
        names = values.keys.sorted()
        text = names.map { "\($0)=\"\(Self.escaped(values[$0] ?? ""))\"" }.joined(separator: ",")
    }

    /// Where the series go that are too many.
    var overflow: LabelSet { LabelSet(names.map { ($0, "overflow") }) }

    /// A label value may be any text; three characters would end it or the line.
    private static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") || $0 == 0x0A }) else {
            return value
        }
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    static func == (a: LabelSet, b: LabelSet) -> Bool { a.text == b.text }
    static func < (a: LabelSet, b: LabelSet) -> Bool { a.text < b.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
