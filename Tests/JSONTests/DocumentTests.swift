import JSON
import Testing

/// What is JSON and what isn't: odd inputs after the manner of JSONTestSuite (Nicolas Seriot, "Parsing JSON is a
/// Minefield").
@Suite struct DocumentTests {
    static let accepted: [(text: String, same: String)] = [
        ("null", "null"), ("true", "true"), ("false", "false"), ("0", "0"), ("-0", "-0"), ("\"\"", "\"\""),
        ("[]", "[]"), ("{}", "{}"), (" [ ] ", "[]"), ("\t\r\n {\n}\r\t", "{}"), (" \"a\" ", "\"a\""),
        ("[1,2 , 3]", "[1,2,3]"), ("[[[]],{}]", "[[[]],{}]"), ("{\"a\":{\"b\":[null]}}", "{\"a\":{\"b\":[null]}}"),
        ("{\"\":0}", "{\"\":0}"), ("{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}"),
        ("1.5", "1.5"), ("-1.50", "-1.50"), ("1e5", "1e5"), ("1E+5", "1E+5"), ("1.0e-007", "1.0e-007"), ("0e0", "0e0"),
        ("0.0", "0.0"), ("123456789012345678901234567890.5", "123456789012345678901234567890.5"), ("1e9999", "1e9999"),
        ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""),
        ("\"\\u0041\\u00e9\\u20AC\"", "\"Aé€\""), ("\"\\u0000\\u001f\"", "\"\\u0000\\u001f\""),
        ("\"\\ud83d\\ude00\\uD83D\\uDE00\"", "\"😀😀\""), ("\"\\uFFFF\\uFFFE\\uFEFF\"", "\"\u{FFFF}\u{FFFE}\u{FEFF}\""),
        (
            "\"\u{7f}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\"",
            "\"\u{7f}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\""
        ),
        ("\"\u{2028}\u{2029}\"", "\"\u{2028}\u{2029}\""), ("\"a\\u005C\"", "\"a\\\\\""),
        ("\"twelve bytes and a half \\n of ascii\"", "\"twelve bytes and a half \\n of ascii\""),
    ]

    @Test(arguments: accepted)
    func accepts(_ text: String, same: String) throws {
        #expect(try parse(text).get().description == same)
    }

    static let refused = [
        // Nothing, too little, too much.
        "", " ", "\u{FEFF}null", "nul", "nulll", "null null", "tru", "True", "NULL", "NaN", "Infinity", "-Infinity",
        "undefined", "[", "]", "{", "}", "[[]", "[]]", "{}}", "{}{}", "{},", ",", ":", "\"", "\"a", "\"a\\", "\"\\\"",
        "\"a\"b",
        "# comment\nnull", "null // x", "/* */null", "null\u{00}", "\u{00}", "null\u{0B}", "\u{A0}null", "\u{2060}1",
        // Arrays.
        "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]", "[1}", "[\"a\"", "[1", "[1,", "[*]",
        // Objects.
        "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1,,\"b\":2}", "{\"a\" 1}", "{\"a\",1}", "{a:1}", "{'a':1}",
        "{1:1}",
        "{null:1}", "{\"a\":1 \"b\":2}", "{\"a\"::1}", "{\"a\":1", "{\"a\":", "{\"a\"", "{\"a", "{\"a\":1]",
        "{\"a\":\"b\",",
        "{[]:1}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":2,\"a\":1}", "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u0061\":1,\"a\":2}",
        "{\"\":1,\"\":2}", "{\"x\":{\"é\":1,\"\\u00e9\":2}}",
        // Numbers.
        "01", "-01", "00", "-", "+1", "--1", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "1e-", "1E", "0x10", "1_000",
        "1,000", "1 0",
        "1.2.3", "1e5.5", "1e5e5", "１", "0b1", "1f", "- 1", "1a", "-a", "0e", "0.e1", "1.-5",
        // Strings.
        "'a'", "\"\n\"", "\"\t\"", "\"\u{00}\"", "\"\u{1f}\"", "\"\\x41\"", "\"\\a\"", "\"\\'\"", "\"\\0\"",
        "\"\\\u{01}\"", "\"\\é\"", "\"\\U0041\"",
        "\"\\u\"", "\"\\u1\"", "\"\\u12\"", "\"\\u123\"", "\"\\u123g\"", "\"\\u 123\"", "\"\\u+123\"", "\"\\u-123\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800a\"", "\"\\ud800\\ud800\"", "\"\\udc00\\ud800\"",
        "\"\\ud800\\udbff\"", "\"\\ud800\\\"", "\"\\ud800\\u\"", "\"\\ud800\\udc0\"", "\"\\ud83d\\n\"",
        "{\"\\ud800\":1}", "{\"\\x\":1}", "{\"a\n\":1}", "{\"a\":\"\\ud800\"}",
    ]

    @Test(arguments: refused)
    func refuses(_ text: String) throws {
        let error = try #require(parse(text).failure)
        #expect(error.offset >= 0 && error.offset <= text.utf8.count)
        #expect(!error.isWrongType)
        // The same inside of something, where more follows. (What is wrong only for its end would be right there.)
        #expect(!parse("[" + text + ",\"x\"]").isSuccess || ["", "1,000"].contains(text) || text.hasPrefix("1,"))
    }

    @Test(
        arguments: [
            [0xFF], [0xFE], [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xC2, 0xC2],
            [0xE0, 0x9F, 0xBF],
            [0xE0, 0xA0], [0xE1, 0x80, 0x41], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF],
            [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF0, 0x90, 0x80], [0xF1, 0x80, 0x80, 0x41], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
            [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func refusesWrongUTF8(_ sequence: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        // At each place within a word, and where the text ends in the middle of the sequence.
        for before in 0..<9 {
            let content = [UInt8](repeating: UInt8(ascii: "a"), count: before) + sequence
            #expect(!parse([quote] + content + [quote]).isSuccess)
            #expect(!parse([quote] + content + Array("aaaaaaaa".utf8) + [quote]).isSuccess)
            #expect(!parse([quote] + content).isSuccess)
            #expect(!parse(Array("{\"".utf8) + content + Array("\":1}".utf8)).isSuccess)
        }
        #expect(!parse(sequence).isSuccess)
    }

    @Test func refusesUTF16AndUTF32() {
        for text in ["null", "[1]", "\"a\""] {
            #expect(!parse(text.utf8.flatMap { [$0, 0] }).isSuccess)
            #expect(!parse(text.utf8.flatMap { [0, $0] }).isSuccess)
            #expect(!parse([0xFF, 0xFE] + text.utf8.flatMap { [$0, 0] }).isSuccess)
            #expect(!parse(text.utf8.flatMap { [$0, 0, 0, 0] }).isSuccess)
        }
    }

    /// Every prefix of a document is refused, and nothing is read past its end (address sanitizer looks on).
    @Test func refusesEveryPrefix() throws {
        let document = Array(
            #"{"a":[1,-2.5e+3,"x\u00e9\ud83d\ude00é€😀",true,false,null,{}],"b":{"c":"0123456789abcdef"}}"#.utf8)
        for length in 0..<document.count {
            let heap = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
            defer { heap.deallocate() }
            heap.copyBytes(from: document[..<length])
            #expect(throws: JSONError.self) { try JSONValue(parsing: UnsafeRawBufferPointer(heap)) }
        }
        #expect(parse(document).isSuccess)
        #expect(throws: JSONError.self) { try JSONValue(parsing: UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    @Test func aByteOfEachValueInAStringIsRight() {
        for byte in UInt8.min...127 {
            for position in 0..<17 {
                var content = [UInt8](repeating: UInt8(ascii: "x"), count: 17)
                content[position] = byte
                let document = [UInt8(ascii: "\"")] + content + [UInt8(ascii: "\"")]
                let fits = byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                // A backslash makes an escape of the x behind it, or of the closing quote.
                #expect(parse(document).isSuccess == fits, "byte \(byte) at \(position)")
                if fits { #expect(parse(document).value?.string == String(decoding: content, as: UTF8.self)) }
            }
        }
    }

    @Test func depthIsLimited() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[{\"a\":", count: depth / 2) + String(repeating: "[", count: depth % 2)
                + String(repeating: "]", count: depth % 2) + (depth % 2 == 0 ? "1" : "")
                + String(repeating: "}]", count: depth / 2)
        }
        for limit in [1, 2, 16, 63, 128] {
            #expect(parse(nested(limit), depthLimit: limit).isSuccess, "\(limit)")
            #expect(parse(nested(limit + 1), depthLimit: limit).failure?.reason == "nests deeper than \(limit) levels")
        }
        #expect(!parse("[]", depthLimit: 0).isSuccess)
        #expect(parse("1", depthLimit: 0).isSuccess)
        // Siblings don't add up.
        #expect(parse("[[[]],[[]],[[]],{\"a\":[]}]", depthLimit: 3).isSuccess)
        // No caller can set a limit that the stack doesn't bear.
        #expect(parse(nested(100_000), depthLimit: .max).failure?.reason == "nests deeper than 128 levels")
    }

    /// The set takes over from the fingerprints after sixteen names, or with the first escape.
    @Test(arguments: [1, 2, 15, 16, 17, 18, 40, 300])
    func namesMayNotRepeat(_ count: Int) {
        let names = (0..<count).map { "name\($0)" }
        func document(_ names: [String]) -> String { "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}" }
        #expect(parse(document(names)).isSuccess)
        for repeated in Set([0, 1, count / 2, count - 1]) where repeated < count {
            let error = parse(document(names + ["name\(repeated)"])).failure
            #expect(error?.pointer == "/name\(repeated)")
            #expect(error?.reason == "is there twice")
            #expect(!parse(document(names + ["n\\u0061me\(repeated)"])).isSuccess)
            #expect(!parse(document(["n\\u0061me\(repeated)"] + names)).isSuccess)
        }
        #expect(parse(document(names + ["n\\u0061me"])).isSuccess)
    }

    /// Same length, first, middle and last byte: only the comparison tells them apart.
    @Test func namesWithOneFingerprintDiffer() {
        #expect(parse(#"{"a1mm1c":1,"a2mm2c":2,"a3mm3c":3}"#).isSuccess)
        #expect(!parse(#"{"a1mm1c":1,"a2mm2c":2,"a1mm1c":3}"#).isSuccess)
        let long = String(repeating: "x", count: 256)
        #expect(parse("{\"\(long)\":1,\"\(long)\(long)\":2}").isSuccess)
        #expect(parse(#"{"aba":1,"aba ":2,"ab":3,"abaaba":4}"#).isSuccess)
    }

    /// Canonical equivalence makes no duplicate: code units count.
    @Test func composedAndDecomposedNamesDiffer() throws {
        let text = "{\"\u{e9}\":1,\"e\u{301}\":2}"
        let value = try parse(text).get()
        #expect(value["\u{e9}"] == 1)
        #expect(value["e\u{301}"] == 2)
    }
}
