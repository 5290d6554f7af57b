/// Names of types, held against a header's bytes where they lie. Nine groups look at each record of a busy topic, and
/// most of what they see is others' business.
package struct TypeNames: Sendable {
    private let names: [[UInt8]]

    package init(_ names: Set<String>) { self.names = names.map { Array($0.utf8) } }

    package func contains(_ bytes: UnsafeRawBufferPointer) -> Bool {
        names.contains { $0.count == bytes.count && bytes.elementsEqual($0) }
    }
}
