import Hashing

/// Which event an instance has heard of, in 16 bytes: what a second record of it is recognised by.
struct SagaHeard: Hashable, Sendable {
    enum Kind: UInt8, Sendable {
        /// The id is a UUID and identity enough: the bytes are its own.
        case uuid = 1
        /// Anything else: the first half of the SHA-256 of the identity.
        case digest = 2
    }

    let kind: Kind
    let high: UInt64
    let low: UInt64

    /// - Parameters:
    ///   - identity: `InboundMessage.identity`.
    ///   - id: `ce_id`.
    init(identity: String, id: String) {
        if identity == id, let bits = Self.bits(ofUUID: id) {
            (kind, high, low) = (.uuid, bits.high, bits.low)
            return
        }
        let digest = Digest.sha256.hash(Array(identity.utf8))
        kind = .digest
        high = Self.number(digest[0..<8])
        low = Self.number(digest[8..<16])
    }

    init(_ message: InboundMessage) { self.init(identity: message.identity, id: message.id) }

    init(kind: Kind, high: UInt64, low: UInt64) {
        self.kind = kind
        self.high = high
        self.low = low
    }

    /// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
    var uuidText: String {
        String(unsafeUninitializedCapacity: 36) { output in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    output[position] = UInt8(ascii: "-")
                    position += 1
                }
                let half = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (digit & 15))) & 15
                output[position] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                position += 1
            }
            return position
        }
    }

    /// Nil for other text than `uuidText` gives: the id has to come back as it was.
    private static func bits(ofUUID text: String) -> (high: UInt64, low: UInt64)? {
        guard text.utf8.count == 36 else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        var index = 0
        for byte in text.utf8 {
            defer { index += 1 }
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(digit)
        }
        return (high, low)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
