/// UTF-8 as RFC 3629 §4 has it: shortest forms only, no surrogates, nothing above U+10FFFF.
enum UTF8Check {
    /// Length of the multi-byte sequence at `position`; nil when it is none.
    static func length(_ base: UnsafeRawPointer, _ position: Int, _ count: Int) -> Int? {
        func tail(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + index < count && range.contains(base.load(fromByteOffset: position + index, as: UInt8.self))
        }
        switch base.load(fromByteOffset: position, as: UInt8.self) {
        case 0xC2...0xDF: return tail(1) ? 2 : nil
        case 0xE0: return tail(1, 0xA0...0xBF) && tail(2) ? 3 : nil
        case 0xED: return tail(1, 0x80...0x9F) && tail(2) ? 3 : nil
        case 0xE1...0xEF: return tail(1) && tail(2) ? 3 : nil
        case 0xF0: return tail(1, 0x90...0xBF) && tail(2) && tail(3) ? 4 : nil
        case 0xF1...0xF3: return tail(1) && tail(2) && tail(3) ? 4 : nil
        case 0xF4: return tail(1, 0x80...0x8F) && tail(2) && tail(3) ? 4 : nil
        default: return nil
        }
    }
}
