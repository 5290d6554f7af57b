/// Pieces of YAML as text.
enum YAMLText {
    /// As it is where YAML reads it back as the same text, else in quotes.
    static func scalar(_ text: String) -> String {
        let words: Set = ["", "true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        let isPlain =
            text.first.map { $0.isASCII && ($0.isLetter || $0 == "/") } == true && !words.contains(text.lowercased())
            && !text.contains(": ") && !text.contains(" #") && !text.hasSuffix(":") && !text.hasSuffix(" ")
            && !text.contains { $0.isNewline || $0 == "\t" }
        return isPlain ? text : quoted(text)
    }

    static func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            .replacing("\t", with: "\\t")
        return "\"" + escaped + "\""
    }

    /// Each line that isn't empty, further to the right.
    static func indented(_ text: String, by count: Int) -> String {
        let blanks = String(repeating: " ", count: count)
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : blanks + $0 }.joined(separator: "\n")
    }

    /// A key with text of one line or more.
    static func entry(_ key: String, _ text: String) -> String {
        text.contains("\n") ? "\(key): |\n\(indented(text, by: 2))\n" : "\(key): \(scalar(text))\n"
    }

    /// Documents of one file.
    static func documents(_ documents: [String]) -> String { documents.joined(separator: "---\n") }
}
