/// The exact decimal text of a binary `numeric` (`numeric_send`): base-10000 digits, the weight of the first one,
/// a sign word and the number of decimals to show.
func numericText(_ bytes: UnsafeRawBufferPointer) throws(PostgresMismatch) -> String {
    guard bytes.count >= 8, bytes.count % 2 == 0 else { throw PostgresMismatch("\(bytes.count) bytes") }
    func word(_ index: Int) -> UInt16 {
        UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
    }
    let digits = Int(word(0))
    let weight = Int(Int16(bitPattern: word(1)))
    let scale = Int(word(3))
    switch word(2) {
    case 0xC000: return "NaN"
    case 0xD000: return "Infinity"
    case 0xF000: return "-Infinity"
    default: break
    }
    guard bytes.count == 8 + digits * 2 else { throw PostgresMismatch("\(bytes.count) bytes") }
    /// The group of four decimal digits with that power of 10000.
    func group(_ power: Int) -> UInt16 {
        let index = weight - power
        return index >= 0 && index < digits ? word(4 + index) : 0
    }
    var text: [UInt8] = []
    func append(_ value: UInt16) {
        for divisor: UInt16 in [1000, 100, 10, 1] { text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10)) }
    }
    for power in stride(from: max(weight, 0), through: 0, by: -1) { append(group(power)) }
    let leadingZeros = text.prefix { $0 == UInt8(ascii: "0") }.count
    text.removeFirst(min(leadingZeros, text.count - 1))
    if scale > 0 {
        text.append(UInt8(ascii: "."))
        let end = text.count + scale
        var power = -1
        while text.count < end {
            append(group(power))
            power -= 1
        }
        text.removeLast(text.count - end)
    }
    let sign = word(2) == 0x4000 ? "-" : ""
    return sign + String(decoding: text, as: UTF8.self)
}
