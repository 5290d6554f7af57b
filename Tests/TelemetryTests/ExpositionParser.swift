/// Reads the Prometheus text format 0.0.4 back, more strictly than Prometheus does: a family's lines stand together,
/// TYPE comes before its samples, no series comes twice.
struct ParsedExposition {
    struct Failure: Error, CustomStringConvertible {
        let line: Int
        let reason: String
        var description: String { "line \(line): \(reason)" }
    }

    struct Sample: Equatable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    private(set) var types: [String: String] = [:]
    private(set) var help: [String: String] = [:]
    private(set) var samples: [Sample] = []

    /// The value of the one series of this name and these labels.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    init(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Failure(line: 0, reason: "not UTF-8") }
        guard text.isEmpty || text.hasSuffix("\n") else { throw Failure(line: 0, reason: "no last line feed") }
        var family = ""
        var seen: Set<String> = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
            func fail(_ reason: String) -> Failure { Failure(line: index + 1, reason: "\(reason): \(line)") }
            if line.hasPrefix("# ") {
                let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
                guard words.count == 4 else { throw fail("short comment") }
                if words[1] == "TYPE" {
                    guard types[words[2]] == nil else { throw fail("second TYPE") }
                    guard ["counter", "gauge", "histogram"].contains(words[3]) else { throw fail("unknown type") }
                    types[words[2]] = words[3]
                    family = words[2]
                } else if words[1] == "HELP" {
                    guard types[words[2]] == nil else { throw fail("HELP after TYPE") }
                    help[words[2]] = words[3]
                } else {
                    throw fail("unknown comment")
                }
                continue
            }
            var cursor = Cursor(rest: Substring(line))
            guard let sample = cursor.sample() else { throw fail("malformed sample") }
            let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
            guard suffixes.contains(where: { family + $0 == sample.name }) else { throw fail("not of \(family)") }
            guard seen.insert("\(sample.name)\(sample.labels.sorted { $0.key < $1.key })").inserted else {
                throw fail("second time")
            }
            samples.append(sample)
        }
    }

    private struct Cursor {
        var rest: Substring

        mutating func sample() -> Sample? {
            guard let name = name() else { return nil }
            var labels: [String: String] = [:]
            if take("{") {
                repeat {
                    guard let label = self.name(), take("="), let value = quoted(), labels[label] == nil else {
                        return nil
                    }
                    labels[label] = value
                } while take(",")
                guard take("}") else { return nil }
            }
            guard take(" ") else { return nil }
            let number: Double? =
                switch rest {
                case "+Inf": .infinity
                case "-Inf": -.infinity
                case "NaN": .nan
                default: Double(rest)
                }
            return number.map { Sample(name: name, labels: labels, value: $0) }
        }

        private mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        private mutating func name() -> String? {
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
            guard let first = name.first, !first.isNumber else { return nil }
            rest = rest[name.endIndex...]
            return String(name)
        }

        private mutating func quoted() -> String? {
            var scalars = rest.unicodeScalars
            guard scalars.popFirst() == "\"" else { return nil }
            var text = String.UnicodeScalarView()
            while let scalar = scalars.popFirst() {
                if scalar == "\"" {
                    rest = Substring(scalars)
                    return String(text)
                }
                guard scalar == "\\" else {
                    text.append(scalar)
                    continue
                }
                switch scalars.popFirst() {
                case "\\": text.append("\\")
                case "\"": text.append("\"")
                case "n": text.append("\n")
                default: return nil
                }
            }
            return nil
        }
    }
}
