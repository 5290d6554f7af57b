/// Bounds of what facts and commands have and requests haven't, in bytes of UTF-8. All are longer than what our own
/// services write.
public enum FactLimit {
    public static let orderID = 200
    /// No order's id begins so: it would be a user's stream in the event store.
    public static let usersStream = "user:"
    /// What a service or a customer says in words.
    public static let reason = 1_000
    public static let batchID = 200
    /// Orders that a fact about a batch can count: more than any batch has.
    public static let batchOrders: Int64 = 1_000_000_000
    /// A gateway's.
    public static let reference = 500
    public static let shipmentID = 256
    public static let trackingNumber = 256
    public static let kind = 128
    /// An address whose left side may be a user's id.
    public static let recipient = 600
    public static let messageID = 600
    /// 32 bytes in Base64.
    public static let tokenKey = 64
    /// The longest payment token, sealed twice, in Base64.
    public static let sealedToken = 800
}

extension String {
    /// Foreign words, as a fact can take them: cut to `limit` bytes between two characters, blanks in place
    /// of control characters.
    package func fitted(to limit: Int) -> String {
        if utf8.count <= limit, utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) { return self }
        var text = String.UnicodeScalarView()
        var size = 0
        for scalar in unicodeScalars {
            size += scalar.utf8.count
            guard size <= limit else { break }
            text.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return String(text)
    }
}
