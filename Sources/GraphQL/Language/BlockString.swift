/// Block strings: their value without the indentation of the document, and how they are written (specification, section
/// 2.9.4, BlockStringValue).
enum BlockString {
    static func value(ofLines lines: [[UInt8]]) -> String {
        var indentation: Int?
        var first: Int?
        var last = -1
        for (number, line) in lines.enumerated() {
            let blank = line.prefix { $0 == 0x20 || $0 == 0x09 }.count
            guard blank < line.count else { continue }
            if first == nil { first = number }
            last = number
            if number > 0 { indentation = min(indentation ?? blank, blank) }
        }
        guard let first else { return "" }
        let kept = lines.indices[first...last].map { number -> ArraySlice<UInt8> in
            number == 0 ? lines[number][...] : lines[number].dropFirst(indentation ?? 0)
        }
        return String(decoding: Array(kept.joined(separator: [0x0A])), as: UTF8.self)
    }

    /// The lines of a description between `"""`, or nil where a block string could not say it.
    static func lines(of text: String) -> [Substring]? {
        let plain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" || $0 == "\t" }
        guard plain, !text.isEmpty else { return nil }
        let lines = text.replacing("\"\"\"", with: "\\\"\"\"").split(separator: "\n", omittingEmptySubsequences: false)
        func isBlank(_ line: Substring) -> Bool { line.allSatisfy { $0 == " " || $0 == "\t" } }
        guard let first = lines.first, let last = lines.last, !isBlank(first), !isBlank(last),
            // A common indentation would be taken for the document's.
            lines.contains(where: { !isBlank($0) && $0.first != " " && $0.first != "\t" })
        else { return nil }
        return lines
    }
}
