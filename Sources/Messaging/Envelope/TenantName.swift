/// What a tenant may be called.
public enum TenantName {
    /// Of records and requests that name none.
    public static let standard = "default"
    /// Characters.
    public static let limit = 64

    /// 1 to `limit` letters, digits, dots, underscores and hyphens of ASCII.
    public static func isValid(_ text: String) -> Bool {
        (1...limit).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
