import JSON

/// Bytes that aren't what their schema says, or JSON that a schema can't say.
package struct WireFormatError: Error, Hashable, Sendable, JSONLocated, CustomStringConvertible {
    /// In words for a person: "must be UTF-8".
    package let reason: String
    /// RFC 6901 pointer to the member, as the JSON has it; empty for the whole.
    package var pointer: String

    init(_ reason: String, at pointer: String = "") {
        self.reason = reason
        self.pointer = pointer
    }

    package var description: String { pointer.isEmpty ? reason : "\(pointer) \(reason)" }
}
