import JSON
import Randomness
import Testing

/// Records are found whatever the pieces that a stream comes in, and in JSON lines as in an array.
@Suite struct RecordSplitterTests {
    private enum Found: Equatable {
        case record(String), tooLong, end, broken
    }

    /// Everything that is found in `text` when it comes in pieces of `piece` bytes.
    private func split(
        _ text: [UInt8], _ form: RecordSplitter.Form, limit: Int = 1000, piece: (Int) -> Int
    ) -> [Found] {
        var splitter = RecordSplitter(form, limit: limit)
        var found: [Found] = []
        var held: [UInt8] = []
        var offset = 0
        while true {
            let count = min(max(1, piece(offset)), text.count - offset)
            held += text[offset..<(offset + count)]
            offset += count
            while true {
                var consumed = 0
                let step = held.withUnsafeBytes { bytes -> Found? in
                    switch splitter.next(bytes, isLast: offset == text.count, consumed: &consumed) {
                    case .record(let record): .record(String(decoding: record, as: UTF8.self).trimmed)
                    case .tooLong: .tooLong
                    case .end: .end
                    case .broken: .broken
                    case .needsMore: nil
                    }
                }
                held.removeFirst(consumed)
                // No more than a record, and what came last.
                #expect(held.count <= limit + count + 64)
                guard let step else { break }
                found.append(step)
                if step == .end || step == .broken { return found }
            }
        }
    }

    private func split(_ text: String, _ form: RecordSplitter.Form, limit: Int = 1000) -> [Found] {
        let bytes = Array(text.utf8)
        let whole = split(bytes, form, limit: limit) { _ in bytes.count }
        #expect(split(bytes, form, limit: limit) { _ in 1 } == whole)
        return whole
    }

    @Test(arguments: [
        ("", [Found.end]), ("\n\r\n  \n", [.end]), ("{\"a\":1}", [.record("{\"a\":1}"), .end]),
        ("{\"a\":1}\r\n\n[2]\n", [.record("{\"a\":1}"), .record("[2]"), .end]),
        ("nonsense\n", [.record("nonsense"), .end]),
    ])
    private func lines(_ text: String, _ expected: [Found]) { #expect(split(text, .lines) == expected) }

    @Test(arguments: [
        ("[]", [Found.end]), (" [ ] \n", [.end]),
        (
            "[{\"a\":[1,2]} , \"x,]\\\"\", 3]",
            [
                .record("{\"a\":[1,2]}"), .record("\"x,]\\\"\""), .record("3"), .end,
            ]
        ),
        ("", [.broken]), ("{}", [.broken]), ("[{}", [.broken]), ("[1,]", [.record("1"), .broken]),
        ("[,1]", [.broken]), ("[1]2", [.record("1"), .broken]), ("[{\"a\":]}]", [.broken]),
        ("[{} {}]", [.record("{} {}"), .end]),
        ("[\"", [.broken]),
    ])
    private func arrays(_ text: String, _ expected: [Found]) { #expect(split(text, .array) == expected) }

    @Test func whatIsTooLongIsPassedOver() {
        let long = "\"" + String(repeating: "x,", count: 3000) + "\""
        #expect(split("1\n\(long)\n2", .lines, limit: 100) == [.record("1"), .tooLong, .record("2"), .end])
        #expect(split("[1,\(long),2]", .array, limit: 100) == [.record("1"), .tooLong, .record("2"), .end])
        #expect(split(long, .lines, limit: 100) == [.tooLong, .end])
    }

    @Test func depthBeyondWhatIsRememberedIsCounted() {
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(split("[\(deep),1]", .array) == [.record(deep), .record("1"), .end])
    }

    @Test func piecesMakeNoDifference() {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(300) {
            let records = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                ["{\"a\":[1,{\"b\":\"]},\\\\\"}]}", "17", "\"\\\"[{\"", "[[],{}]", "x y"].randomElement(using: &random)!
            }
            let spaces = ["", " ", "\r", "\t "]
            func padded(_ text: String) -> String { spaces.randomElement(using: &random)! + text + spaces[1] }
            let expected = records.map { Found.record($0) } + [.end]
            let lines = Array(records.map(padded).joined(separator: "\n").utf8)
            let array = Array("[\(records.map(padded).joined(separator: ","))]".utf8)
            #expect(split(lines, .lines) { _ in Int.random(in: 1...9, using: &random) } == expected)
            #expect(split(array, .array) { _ in Int.random(in: 1...9, using: &random) } == expected)
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        let spaces: Set<Character> = [" ", "\t", "\r", "\n", "\r\n"]
        return String(drop { spaces.contains($0) }.reversed().drop { spaces.contains($0) }.reversed())
    }
}
