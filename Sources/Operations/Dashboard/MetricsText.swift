/// The values of a Prometheus text exposition, as far as they are asked for. Labels stay text, sorted as our
/// expositions are: equal text means the same series.
struct MetricsText: Sendable {
    private(set) var families: [String: [String: Double]] = [:]

    init() {}

    /// - Parameter keeping: whether a series is of interest, by its name and labels. Without it a process that has been
    ///   up for long gives thousands.
    init(_ exposition: [UInt8], keeping: (_ name: String, _ labels: String) -> Bool) {
        for line in exposition.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            guard let space = line.lastIndex(of: UInt8(ascii: " ")),
                let value = Double(String(decoding: line[(space + 1)...], as: UTF8.self))
            else { continue }
            let series = line[..<space]
            let brace = series.firstIndex(of: UInt8(ascii: "{"))
            let name = String(decoding: series[..<(brace ?? series.endIndex)], as: UTF8.self)
            let labels = brace.map { String(decoding: series[($0 + 1)...].dropLast(), as: UTF8.self) } ?? ""
            if keeping(name, labels) { families[name, default: [:]][labels] = value }
        }
    }

    subscript(name: String) -> [String: Double] { families[name] ?? [:] }

    /// The value of a label in `a="1",b="2"`; of ours, none that is looked for has a quote inside.
    static func label(_ name: String, in labels: String) -> String? {
        var rest = Substring(labels)
        while let equals = rest.firstIndex(of: "=") {
            let key = rest[..<equals]
            let start = rest.index(equals, offsetBy: 2, limitedBy: rest.endIndex) ?? rest.endIndex
            guard let end = rest[start...].firstIndex(of: "\"") else { return nil }
            if key == name { return String(rest[start..<end]) }
            rest = rest[rest.index(after: end)...].drop { $0 == "," }
        }
        return nil
    }
}
