/// What a family of series is.
enum MetricKind: String, Sendable {
    case counter, gauge, histogram

    /// The label that the format itself gives to the kind's samples.
    var reservedLabel: String? { self == .histogram ? "le" : nil }
}

/// Metric names as Prometheus accepts them: `[a-zA-Z_:][a-zA-Z0-9_:]*`, units and kinds at the end.
enum MetricName {
    static func counter(_ label: String) -> String { ending("_total", sanitized(label)) }

    static func timer(_ label: String) -> String { ending("_seconds", sanitized(label)) }

    private static func ending(_ suffix: String, _ name: String) -> String {
        name.hasSuffix(suffix) ? name : name + suffix
    }

    static func sanitized(_ label: String) -> String { sanitized(label, allowsColon: true) }

    /// Label names have no colons.
    static func label(_ name: String) -> String { sanitized(name, allowsColon: false) }

    private static func sanitized(_ text: String, allowsColon: Bool) -> String {
        var bytes = text.utf8.map { byte in
            let isLetter = (0x61...0x7A).contains(byte | 0x20)
            let isDigit = (0x30...0x39).contains(byte)
            return isLetter || isDigit || (allowsColon && byte == UInt8(ascii: ":")) ? byte : UInt8(ascii: "_")
        }
        if bytes.first.map({ (0x30...0x39).contains($0) }) ?? true { bytes.insert(UInt8(ascii: "_"), at: 0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
