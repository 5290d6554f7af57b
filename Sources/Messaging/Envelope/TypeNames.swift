/// Names of types, held against a header's bytes where they lie. Nine groups look at each record of a busy topic, and
/// most of what they see is others' business.
package struct TypeNames: Sendable {
    private struct Name: Sendable {
        let text: String
        let bytes: [UInt8]
    }

    /// By their length in bytes.
    private let names: [[Name]]

    package init(_ types: Set<String>) {
        let all = types.sorted().map { Name(text: $0, bytes: Array($0.utf8)) }
        let longest = all.map(\.bytes.count).max() ?? 0
        names = (0...longest).map { length in all.filter { $0.bytes.count == length } }
    }

    /// The name of these bytes, without making a text of them; nil where they are no name.
    func name(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count < names.count else { return nil }
        for name in names[bytes.count] where name.bytes.isEqual(to: bytes) { return name.text }
        return nil
    }

    package func contains(_ bytes: UnsafeRawBufferPointer) -> Bool { name(bytes) != nil }

    func contains(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { contains(UnsafeRawBufferPointer($0)) }
    }
}
