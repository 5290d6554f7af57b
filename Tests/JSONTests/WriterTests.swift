import JSON
import Randomness
import Testing

@Suite struct WriterTests {
    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter(capacity: 0)
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func commas() {
        #expect(text { $0.object { _ in } } == "{}")
        #expect(text { $0.array { _ in } } == "[]")
        let document = text { json in
            json.object { json in
                json.field("a", "x")
                json.field("none", String?.none)
                json.field("b", 1)
                json.field("c", Int64.min)
                json.field("d", true)
                json.field("e", raw: Array("[1, 2]".utf8))
                json.key("f")
                json.array { json in
                    json.value(Int64.max)
                    json.value("y")
                    json.null()
                    json.value(false)
                    json.object { $0.field("g", 0) }
                    json.array { _ in }
                    json.raw { $0.append(contentsOf: "1.50".utf8) }
                }
                json.key(dynamic: "h\"\n")
                json.null()
                json.field("i", ["j": nil])
            }
        }
        #expect(
            document
                == #"{"a":"x","b":1,"c":-9223372036854775808,"d":true,"e":[1, 2],"f":[9223372036854775807,"y",null,false,"#
                + #"{"g":0},[],1.50],"h\"\n":null,"i":{"j":null}}"#)
        #expect(parse(document).isSuccess)
    }

    @Test(arguments: [
        ("", #""""#), ("abc", #""abc""#), ("\"\\/", #""\"\\/""#), ("\u{8}\t\n\u{c}\r", #""\b\t\n\f\r""#),
        ("\u{0}\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""), ("é€😀\u{2028}", "\"é€😀\u{2028}\""),
        ("a\"b\"c", #""a\"b\"c""#),
    ])
    func escapes(_ string: String, _ json: String) {
        #expect(text { $0.value(string) } == json)
        #expect(parse(json).value == .string(string))
    }

    @Test(arguments: [0, 1, -1, 9, 10, -10, 99, 100, 1_234_567_890_123_456_789, .max, .min] as [Int64])
    func numbers(_ number: Int64) throws {
        #expect(text { $0.value(number) } == String(number))
        #expect(try read(String(number)) { try $0.readInt64() } == number)
    }

    @Test func everyCharacterSurvives() throws {
        var generator = SeededGenerator.fromEnvironment("everyCharacterSurvives")
        for _ in 0..<TestTier.rounds(2_000) {
            var string = ""
            for _ in 0..<Int.random(in: 0..<24, using: &generator) {
                let bound: UInt32 = [0x20, 0x80, 0x800, 0x11_0000].randomElement(using: &generator) ?? 0
                if let scalar = Unicode.Scalar(UInt32.random(in: 0..<bound, using: &generator)) {
                    string.unicodeScalars.append(scalar)
                }
            }
            let again = try read(text { $0.value(string) }) { try $0.readString() }
            #expect(again.utf8.elementsEqual(string.utf8))
        }
    }
}
