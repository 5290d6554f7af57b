import Kafka

/// What strangers put on `order-events`, by kind, and what each has to come to.
enum StrangeRecord: String, CaseIterable, Sendable {
    // Orders like any other.
    /// The bare value: no headers, no version.
    case bareOrder = "bare order"
    /// Its event has the id that many others have, from a source of its own: an event is source and id.
    case commonID = "an id that others have too"
    /// Stamped in nanoseconds where Kafka has milliseconds.
    case nanosecondStamp = "a stamp in nanoseconds"
    /// Nothing is to be paid.
    case freeOfCharge = "an order of nothing to pay"
    /// Words in every script, and whatever an address line may have.
    case anyScript = "text of any script"
    /// Members that nobody knows.
    case unknownMembers = "unknown members"

    // Nothing for anybody.
    /// A null value on the key of an order that may be under way.
    case tombstone
    case unknownType = "an unknown type"

    // Unreadable, whoever reads.
    case brokenJSON = "broken JSON"
    case noText = "bytes that are no text"
    case emptyValue = "an empty value"
    /// So large that a copy with further headers is more than a broker takes.
    case largeHeader = "a large header"

    // An `OrderCreated` that promises something else than an order.
    case negativeTotal = "a negative total"
    case endlessTotal = "a total beyond all bounds"
    case unknownCurrency = "an unknown currency"
    case nulInAddress = "NUL in the address"
    case nulInUser = "NUL in the user"
    case nulInArticle = "NUL in the article"
    case noQuantity = "a quantity of 0"
    case wrongKind = "a member of the wrong kind"
    case noTenant = "a tenant that is none"

    enum Verdict: Sendable {
        case order(isCharged: Bool)
        case passedOver
        /// In every group that reads the topic, or in those alone that react to orders.
        case letter(everyReader: Bool)
    }

    var verdict: Verdict {
        switch self {
        case .bareOrder, .commonID, .nanosecondStamp, .anyScript, .unknownMembers: .order(isCharged: true)
        case .freeOfCharge: .order(isCharged: false)
        case .tombstone, .unknownType: .passedOver
        case .brokenJSON, .noText, .emptyValue, .largeHeader: .letter(everyReader: true)
        case .negativeTotal, .endlessTotal, .unknownCurrency, .nulInAddress, .nulInUser, .nulInArticle, .noQuantity,
            .wrongKind, .noTenant:
            .letter(everyReader: false)
        }
    }

    static let orders = allCases.filter { if case .order = $0.verdict { true } else { false } }
    static let letters = allCases.filter { if case .letter = $0.verdict { true } else { false } }
    static let passedOver = allCases.filter { if case .passedOver = $0.verdict { true } else { false } }

    /// The record, under `key`, which is the order's id where there is one.
    func message(key: String, _ dice: inout Dice) -> OutgoingMessage {
        var message = OutgoingMessage(topic: "order-events", key: Array(key.utf8), value: Array(value(key).utf8))
        switch self {
        case .commonID:
            message.headers = [
                KafkaHeader("ce_id", Array("1".utf8)), KafkaHeader("ce_source", Array("/branches/\(key)".utf8)),
            ]
        case .nanosecondStamp: message.timestamp = Int64.random(in: 1_600_000_000_000_000_000 ... .max, using: &dice)
        case .tombstone: message.value = nil
        case .noText: message.value = (0..<64).map { _ in UInt8.random(in: 0x80...0xFF, using: &dice) }
        case .largeHeader: message.headers = [KafkaHeader("trace", Array(repeating: 0xC3, count: 1_040_000))]
        case .noTenant: message.headers = [KafkaHeader("ce_tenant", Array("a\u{1B}b".utf8))]
        default: break
        }
        return message
    }

    private func value(_ key: String) -> String {
        switch self {
        case .tombstone, .noText, .emptyValue: ""
        case .brokenJSON, .largeHeader: #"{"type":"OrderCreated","payload":{"orderId":"#
        case .unknownType: #"{"type":"OrderAdmired","payload":{"orderId":"\#(key)"}}"#
        case .negativeTotal: Self.order(key, total: "-10")
        case .endlessTotal: Self.order(key, total: "92233720368547758.07")
        case .freeOfCharge: Self.order(key, total: "0")
        case .unknownCurrency: Self.order(key, currency: "QQQ")
        case .nulInAddress: Self.order(key, more: #","shippingAddress":"1 Main\u0000St""#)
        case .nulInUser: Self.order(key, user: #"a\u0000b"#)
        case .nulInArticle: Self.order(key, sku: #"A\u0000"#)
        case .noQuantity: Self.order(key, quantity: "0")
        case .wrongKind: Self.order(key, more: #","shippingAddress":{"street":"Main St"}"#)
        case .anyScript:
            Self.order(
                key, user: "żółć 🧑‍🚀/%",
                more: #","email":"zolc@example.com","shippingAddress":"1 Ünter den Linden\n\t東京""#)
        case .unknownMembers: Self.order(key, more: #","gift":true,"notes":[{"text":"thanks"}],"discount":null"#)
        case .bareOrder, .commonID, .nanosecondStamp, .noTenant: Self.order(key)
        }
    }

    private static func order(
        _ id: String, user: String = "foreigner", sku: String = "UNCOUNTED", quantity: String = "1",
        total: String = "5.00", currency: String = "USD", more: String = ""
    ) -> String {
        #"{"type":"OrderCreated","payload":{"orderId":"\#(id)","userId":"\#(user)","#
            + #""items":[{"sku":"\#(sku)","qty":\#(quantity)}],"total":\#(total),"currency":"\#(currency)","#
            + #""createdAt":"2026-01-01T00:00:00Z"\#(more)}}"#
    }
}
