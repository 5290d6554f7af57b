/// A member's name as it stands in the text, to be compared without making a `String`.
/// Valid while the reader's bytes are.
public struct JSONKey {
    /// Without the quotes.
    @usableFromInline let content: UnsafeRawBufferPointer
    /// Has escapes, which are rare, and known to be right ones.
    @usableFromInline let escaped: Bool

    @usableFromInline
    init(content: UnsafeRawBufferPointer, escaped: Bool) {
        self.content = content
        self.escaped = escaped
    }

    /// The same name code unit for code unit: no Unicode normalisation.
    @inlinable
    public static func == (key: JSONKey, name: StaticString) -> Bool {
        if key.escaped { return key.decodes(to: name) }
        let length = name.utf8CodeUnitCount
        guard key.content.count == length else { return false }
        for index in 0..<length where key.content[index] != name.utf8Start[index] { return false }
        return true
    }

    /// The same for a name that isn't known beforehand, as UTF-8.
    public func isEqual(to name: [UInt8]) -> Bool {
        if escaped { return string.utf8.elementsEqual(name) }
        guard content.count == name.count else { return false }
        for index in 0..<name.count where content[index] != name[index] { return false }
        return true
    }

    @usableFromInline
    func decodes(to name: StaticString) -> Bool {
        string.utf8.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// The name. Allocates where it is longer than 15 bytes.
    public var string: String {
        if escaped, let decoded = try? StringEscapes.decode(content) { return decoded }
        return String(decoding: content, as: UTF8.self)
    }
}
