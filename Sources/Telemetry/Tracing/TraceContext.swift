import Logging

/// Where in a distributed trace something happens: the `traceparent` of W3C Trace Context, level 1.
public struct TraceContext: Hashable, Sendable {
    /// 16 bytes, not all zero; the same for the whole trace.
    public let traceID: UInt128
    /// 8 bytes, not all zero; the span that caused what is being done.
    public let parentID: UInt64
    public let flags: UInt8

    /// The trace is being recorded by the caller.
    public var isSampled: Bool { flags & 1 == 1 }

    /// A new trace.
    public init(sampled: Bool = false) { self.init { _ in sampled } }

    /// A new trace that is recorded if `isSampled` says so of its id.
    init(isSampled: (_ traceID: UInt128) -> Bool) {
        let traceID = UInt128.random(in: 1 ... .max)
        self.init(traceID: traceID, parentID: .random(in: 1 ... .max), flags: isSampled(traceID) ? 1 : 0)
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
        var text = traceparent
        guard let read = text.withUTF8({ Self.read($0) }) else { return nil }
        self = read
    }

    /// The same from bytes.
    package init?(utf8 traceparent: UnsafeRawBufferPointer) {
        guard let read = Self.read(traceparent.assumingMemoryBound(to: UInt8.self)) else { return nil }
        self = read
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> TraceContext? {
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = hex(bytes[0..<2]), version != 0xFF,
            bytes.count == 55 || (version > 0 && bytes[55] == dash),
            let trace = hex(bytes[3..<35]), trace != 0,
            let parent = hex(bytes[36..<52]), parent != 0,
            let flags = hex(bytes[53..<55])
        else { return nil }
        // Bits that level 1 doesn't know must not be passed on (§3.2.2.5.2).
        return TraceContext(traceID: trace, parentID: UInt64(parent), flags: UInt8(flags) & 1)
    }

    /// Upper case is malformed.
    private static func hex(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt128? {
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
        String(unsafeUninitializedCapacity: 55) { text in
            text[0] = UInt8(ascii: "0")
            text[1] = UInt8(ascii: "0")
            for dash in [2, 35, 52] { text[dash] = UInt8(ascii: "-") }
            Self.write(traceID, to: text, 3..<35)
            Self.write(UInt128(parentID), to: text, 36..<52)
            Self.write(UInt128(flags), to: text, 53..<55)
            return 55
        }
    }

    /// 32 digits.
    var traceIDText: String {
        String(unsafeUninitializedCapacity: 32) { text in
            Self.write(traceID, to: text, 0..<32)
            return 32
        }
    }

    /// 16 digits.
    static func spanIDText(_ id: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { text in
            write(UInt128(id), to: text, 0..<16)
            return 16
        }
    }

    private static func write(_ value: UInt128, to text: UnsafeMutableBufferPointer<UInt8>, _ place: Range<Int>) {
        var rest = value
        for index in place.reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            text[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
            rest >>= 4
        }
    }
}

extension TraceContext {
    /// What log lines say of a trace, as OpenTelemetry calls it ("Trace Context in non-OTLP Log Formats").
    public static func logFields(_ traceparent: String?) -> Logger.Metadata {
        guard let traceparent, let context = TraceContext(traceparent) else { return [:] }
        return ["trace_id": "\(context.traceIDText)", "span_id": "\(spanIDText(context.parentID))"]
    }
}
