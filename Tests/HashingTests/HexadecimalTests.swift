import Hashing
import Testing

@Suite struct HexadecimalTests {
    @Test func everyByteHasTwoDigits() {
        #expect(Hexadecimal.text([UInt8]()) == "")
        #expect(Hexadecimal.text([0x00, 0x09, 0x0A, 0x7F, 0xFF]) == "00090a7fff")
        let all = Array(UInt8.min...UInt8.max)
        #expect(Hexadecimal.bytes(Hexadecimal.text(all)) == all)
    }

    @Test(arguments: ["0", "0g", "+f", "0A", " 0", "0\u{661}"]) func otherTextsAreNone(text: String) {
        #expect(Hexadecimal.bytes(text) == nil)
    }
}
