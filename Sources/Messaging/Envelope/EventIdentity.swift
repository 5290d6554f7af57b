import Glibc

/// Which event a record tells of: its source and its id together (CloudEvents 1.0, "id": producers must make source
/// and id unique for each event). Two sources may both have an event 1.
public enum EventIdentity {
    /// One text for both: what inboxes, views and verification compare.
    ///
    /// Events of our own services are known by their UUID alone: it is unique, and inboxes know it so from before the
    /// source counted. So is what names no source. Else the source stands in front, with a blank between them: a URI
    /// reference has none (RFC 3986), and one that has nevertheless counts as escaped.
    public static func text(source: String?, id: String) -> String {
        guard let source else { return id.utf8.contains(UInt8(ascii: " ")) ? " " + id : id }
        if isOurs(source), isUUID(id) { return id }
        let origin = source.utf8.contains(UInt8(ascii: " ")) ? source.replacing(" ", with: "%20") : source
        return "\(origin) \(id)"
    }

    private static let ours: StaticString = "/orderflow/"

    private static func isOurs(_ source: String) -> Bool {
        var source = source
        return source.withUTF8 { bytes in
            guard let base = bytes.baseAddress, bytes.count >= ours.utf8CodeUnitCount else { return false }
            return memcmp(base, ours.utf8Start, ours.utf8CodeUnitCount) == 0
        }
    }

    /// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in lower case as we write them.
    static func isUUID(_ id: String) -> Bool {
        guard id.utf8.count == 36 else { return false }
        var id = id
        return id.withUTF8 { bytes in
            bytes.indices.allSatisfy { index in
                switch index {
                case 8, 13, 18, 23: bytes[index] == UInt8(ascii: "-")
                default: bytes[index] &- 0x30 < 10 || bytes[index] &- 0x61 < 6
                }
            }
        }
    }
}
