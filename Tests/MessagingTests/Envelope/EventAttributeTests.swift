import Testing

@testable import Messaging

/// Headers and types, told by their bytes.
@Suite struct EventAttributeTests {
    private func attribute(_ name: String) -> EventAttribute? {
        Array(name.utf8).withUnsafeBytes { EventAttribute($0) }
    }

    @Test func aNameIsItsBytesAndNoOthers() {
        for expected in EventAttribute.allCases {
            let name = expected.name
            #expect(attribute(name) == expected)
            for other in [
                name.uppercased(), name + " ", name + "\0", String(name.dropLast()), String(name.dropFirst()),
                "x" + name.dropFirst(), name.dropLast() + "\u{E9}",
            ] { #expect(attribute(other) == nil, "\(other)") }
        }
        for other in ["", "ce_", "content_type", String(repeating: "ce_id", count: 100)] {
            #expect(attribute(other) == nil, "\(other)")
        }
    }

    /// Of every byte at every place of texts of all lengths up to three words.
    @Test func aControlCharacterIsFoundWhereverItStands() {
        for length in 1...24 {
            for place in 0..<length {
                for byte in UInt8.min ... .max {
                    var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                    bytes[place] = byte
                    let isText = bytes.withUnsafeBytes { EnvelopeHeaders.text($0) != nil }
                    if isText != (0x20...0x7E).contains(byte) { Issue.record("\(byte) at \(place) of \(length)") }
                }
            }
        }
        // Beside what isn't ASCII.
        for (text, isText) in [("äöüÄÖÜß", true), ("äöü\u{7F}ÄÖÜ", false), ("äöüÄÖÜ\u{1F}", false), ("\u{85}", true)] {
            #expect(Array(text.utf8).withUnsafeBytes { EnvelopeHeaders.text($0) != nil } == isText, "\(text)")
        }
    }

    @Test func aTypeIsFoundByItsBytes() {
        func name(_ text: String, in types: Set<String>) -> String? {
            Array(text.utf8).withUnsafeBytes { TypeNames(types).name($0) }
        }
        let types: Set = ["OrderCreated", "OrderUpdated", "A", "\u{212A}"]
        for type in types { #expect(name(type, in: types) == type) }
        for other in ["", "OrderCreate", "OrderCreated2", "ordercreated", "K", "B"] {
            #expect(name(other, in: types) == nil, "\(other)")
        }
        #expect(name("", in: []) == nil && name("A", in: []) == nil)
        #expect(name("", in: [""])?.isEmpty == true)
        #expect(TypeNames(types).contains("OrderCreated") && !TypeNames(types).contains("K"))
    }
}
