/// Where in a distributed trace something happens: the `traceparent` of W3C Trace Context, level 1.
public struct TraceContext: Hashable, Sendable {
    /// 16 bytes, not all zero; the same for the whole trace.
    public let traceID: UInt128
    /// 8 bytes, not all zero; the span that caused what is being done.
    public let parentID: UInt64
    public let flags: UInt8

    /// The trace is being recorded by whoever called.
    public var isSampled: Bool { flags & 1 == 1 }

    /// A new trace.
    public init(sampled: Bool = false) {
        traceID = .random(in: 1 ... .max)
        parentID = .random(in: 1 ... .max)
        flags = sampled ? 1 : 0
    }

    private init(traceID: UInt128, parentID: UInt64, flags: UInt8) {
        self.traceID = traceID
        self.parentID = parentID
        self.flags = flags
    }

    /// The same trace, for what a new span of ours causes.
    public func child() -> TraceContext {
        TraceContext(traceID: traceID, parentID: .random(in: 1 ... .max), flags: flags)
    }

    /// Reads a header's value. Nil for a malformed one, which is to be ignored, not refused (§3.2.2.2). Versions to
    /// come may have more after the flags; of them this much is understood, and passed on as version 00 (§4.3).
    public init?(_ traceparent: String) {
        let bytes = Array(traceparent.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Self.hex(bytes[0..<2]), version != 0xFF,
            bytes.count == 55 || (version > 0 && bytes[55] == dash),
            let trace = Self.hex(bytes[3..<35]), trace != 0,
            let parent = Self.hex(bytes[36..<52]), parent != 0,
            let flags = Self.hex(bytes[53..<55])
        else { return nil }
        traceID = trace
        parentID = UInt64(parent)
        // Bits that level 1 doesn't know must not be passed on (§3.2.2.5.2).
        self.flags = UInt8(flags) & 1
    }

    /// Upper case is malformed.
    private static func hex(_ digits: ArraySlice<UInt8>) -> UInt128? {
        var value: UInt128 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt128(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt128(digit - 0x57)
            default: return nil
            }
        }
        return value
    }
}

extension TraceContext: CustomStringConvertible {
    /// As the header carries it: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
    public var description: String {
        "00-\(Self.hex(traceID, digits: 32))-\(Self.hex(UInt128(parentID), digits: 16))-\(Self.hex(UInt128(flags), digits: 2))"
    }

    private static func hex(_ value: UInt128, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }
}
