import JSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Members of facts that nobody is shown. Ours don't have them any more; those from before, and foreign producers', do.
public enum HiddenMembers {
    private static let name: StaticString = "paymentToken"

    /// The same JSON with `"***"` in place of each such member's value, wherever it stands; nil where there is none. What
    /// is no JSON and names the member isn't shown at all.
    public static func hidden(in json: UnsafeRawBufferPointer) -> [UInt8]? {
        guard mayName(json) else { return nil }
        var reader = JSONReader(json, depthLimit: JSONReader.maximumDepth)
        var shown: [UInt8] = []
        shown.reserveCapacity(json.count)
        do {
            try copy(&reader, into: &shown)
            try reader.end()
            return shown
        } catch {
            return names(json) ? Array("\"\(json.count) bytes with a \(name), which isn't shown\"".utf8) : nil
        }
    }

    public static func hide(in json: [UInt8]) -> [UInt8] { json.withUnsafeBytes(hidden) ?? json }

    /// Whether it has the name, or a backslash by which it might.
    private static func mayName(_ json: UnsafeRawBufferPointer) -> Bool {
        guard let start = json.baseAddress else { return false }
        return names(json) || memchr(start, Int32(UInt8(ascii: "\\")), json.count) != nil
    }

    /// Whether the name stands in it; looked for by its rarest letter, since nearly every payload hasn't it.
    private static func names(_ json: UnsafeRawBufferPointer) -> Bool {
        guard let start = json.baseAddress else { return false }
        let count = name.utf8CodeUnitCount
        var offset = rarest
        while offset < json.count {
            guard let found = memchr(start + offset, Int32(name.utf8Start[rarest]), json.count - offset) else {
                return false
            }
            let first = UnsafeRawPointer(found) - start - rarest
            if first + count <= json.count, memcmp(start + first, name.utf8Start, count) == 0 { return true }
            offset = first + rarest + 1
        }
        return false
    }

    /// The "k".
    private static let rarest = 9

    private static func copy(_ reader: inout JSONReader, into shown: inout [UInt8]) throws {
        switch reader.peekKind() {
        case .object:
            shown.append(UInt8(ascii: "{"))
            var isFirst = true
            try reader.readObject { key, reader in
                if !isFirst { shown.append(UInt8(ascii: ",")) }
                isFirst = false
                JSONWriter.append(key.string, to: &shown)
                shown.append(UInt8(ascii: ":"))
                guard key == name, reader.peekKind() != .null else { return try copy(&reader, into: &shown) }
                try reader.skipValue()
                shown += "\"***\"".utf8
            }
            shown.append(UInt8(ascii: "}"))
        case .array:
            shown.append(UInt8(ascii: "["))
            try reader.readArray { index, reader in
                if index > 0 { shown.append(UInt8(ascii: ",")) }
                try copy(&reader, into: &shown)
            }
            shown.append(UInt8(ascii: "]"))
        default: shown += try reader.rawValue()
        }
    }
}
