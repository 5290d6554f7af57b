/// Lists in header fields (RFC 9110 §5.6.1).
package enum HeaderList {
    /// The elements without blanks around them. A separator inside quotes is part of its element.
    ///
    /// - Parameter hasEscapes: whether a backslash in quotes takes the next character's meaning; not in entity tags.
    package static func elements(_ text: some StringProtocol, separator: UInt8 = 0x2C, hasEscapes: Bool = true)
        -> [String]
    {
        var elements: [String] = []
        var element: [UInt8] = []
        var isQuoted = false
        var isEscaped = false
        func end() {
            var whole = element[...]
            while let first = whole.first, first == 0x20 || first == 0x09 { whole.removeFirst() }
            while let last = whole.last, last == 0x20 || last == 0x09 { whole.removeLast() }
            if !whole.isEmpty { elements.append(String(decoding: whole, as: UTF8.self)) }
            element = []
        }
        for byte in text.utf8 {
            if byte == separator, !isQuoted {
                end()
                continue
            }
            element.append(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: "\\"), isQuoted, hasEscapes {
                isEscaped = true
            }
        }
        end()
        return elements
    }
}
