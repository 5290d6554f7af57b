/// Writes the Prometheus text format 0.0.4 (prometheus.io, "Exposition formats").
struct Exposition {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(32 << 10) }

    /// The lines before the samples of a family, of which there must be one group only.
    mutating func begin(_ name: String, _ kind: MetricKind, help: String?) {
        if let help {
            put("# HELP ")
            put(name)
            put(" ")
            put(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))
            put("\n")
        }
        put("# TYPE ")
        put(name)
        put(" ")
        put(kind.rawValue)
        put("\n")
    }

    mutating func sample(_ name: String, _ suffix: String = "", labels: LabelSet, _ value: Int64) {
        series(name, suffix, labels.text)
        put(String(value))
        put("\n")
    }

    mutating func sample(_ name: String, _ suffix: String = "", labels: LabelSet, _ value: Double) {
        series(name, suffix, labels.text)
        put(Self.text(value))
        put("\n")
    }

    /// How many values were `bound` or less.
    mutating func bucket(_ name: String, _ labels: LabelSet, upTo bound: Double, _ count: Int64) {
        let separator = labels.text.isEmpty ? "" : ","
        series(name, "_bucket", "\(labels.text)\(separator)le=\"\(Self.text(bound))\"")
        put(String(count))
        put("\n")
    }

    private mutating func series(_ name: String, _ suffix: String, _ labels: String) {
        put(name)
        put(suffix)
        if !labels.isEmpty {
            put("{")
            put(labels)
            put("}")
        }
        put(" ")
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// A number as Go reads it.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        // Whole numbers without a point: shorter, and what people expect of a count.
        if value.magnitude < 1e15, value == value.rounded() { return String(Int64(value)) }
        return "\(value)"
    }
}
