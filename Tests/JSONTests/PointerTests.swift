import JSON
import Testing

/// Where an error is, by its pointer and byte offset.
@Suite struct PointerTests {
    @Test(
        arguments: [
            (#"{"a":01}"#, "/a", 5), (#"{"a":[1,2,x]}"#, "/a/2", 10), (#"[[],[{"b":tru}]]"#, "/1/0/b", 10),
            (#"{"a":1,"a":2}"#, "/a", 7), (#"{"x":{"a":1,"\u0061":2}}"#, "/x/a", 12), (#"{"a":1 "b":2}"#, "", 7),
            (#"{"a":[1 2]}"#, "/a", 8), (#"{"a/b":{"m~n":?}}"#, "/a~1b/m~0n", 14), (#"{"~1":?}"#, "/~01", 6),
            (#"{"":?}"#, "/", 4), (#"{"":{"":?}}"#, "//", 8), (#"{"é":[?]}"#, "/é/0", 7), (#"{"a\"b":?}"#, "/a\"b", 8),
            (#"{} x"#, "", 3), (#""#, "", 0), (#"{"a":"\ud800"}"#, "/a", 6), (#"{"a":"b\x"}"#, "/a", 7),
            (#"{"a":[{"b":"#, "/a/0/b", 11),
        ] as [(String, String, Int)])
    func ofMalformedTexts(_ text: String, _ pointer: String, _ offset: Int) throws {
        let error = try #require(parse(text).failure)
        #expect(error.pointer == pointer)
        #expect(error.offset == offset)
    }

    private struct Violation: JSONLocated, Equatable {
        var pointer = ""
    }

    private struct Plain: Error, Equatable {
        let pointer: String
    }

    /// Walks down to the first string "!" and throws there.
    private func walk(_ reader: inout JSONReader, _ error: (inout JSONReader) -> any Error) throws {
        switch reader.peekKind() {
        case .object: try reader.readObject { _, reader in try walk(&reader, error) }
        case .array: try reader.readArray { _, reader in try walk(&reader, error) }
        case .string:
            let before = reader.pointer
            if try reader.readString() == "!" {
                // The same before and after the value was read.
                #expect(reader.pointer == before)
                throw error(&reader)
            }
        default: try reader.skipValue()
        }
    }

    static let marked: [(text: String, pointer: String)] = [
        (#""!""#, ""), (#"{"a":"!"}"#, "/a"), (#"["x","!"]"#, "/1"), (#"{"a":{"b":[1,{"c":[]},["!"]]}}"#, "/a/b/2/0"),
        (#"{"a":[1,2],"b":"x","c" : [ {} , { "d" : "!" } ] }"#, "/c/1/d"), (#"{"a/~":"!"}"#, "/a~1~0"),
        (#"{"a\"b{[,":["x,]}","!"]}"#, "/a\"b{[,/1"), (#"{"\u0061\\":"!"}"#, "/a\\"),
        (#"[[[[]]],[],{"":["!"]}]"#, "/2//0"),
        (#"{"a":{"b":"\\"},"c":"!"}"#, "/c"),
    ]

    @Test(arguments: marked)
    func ofErrorsOfDecoders(_ text: String, _ pointer: String) {
        #expect(throws: Violation(pointer: pointer)) { try read(text) { try walk(&$0) { _ in Violation() } } }
        #expect(throws: Violation(pointer: pointer + "/x/y")) {
            try read(text) { try walk(&$0) { _ in Violation(pointer: "/x/y") } }
        }
        // Other errors pass through untouched, and can ask the reader.
        #expect(throws: Plain(pointer: pointer)) { try read(text) { try walk(&$0) { Plain(pointer: $0.pointer) } } }
    }
}
