import JSON

/// A question that one service asks another and waits for. It is about what is the case, so that answering it changes
/// nothing: what has to happen is a `Command`.
public protocol RequestPayload: MessagePayload where Members == PlainMembers {
    /// What answers it.
    associatedtype Reply: ReplyPayload
}

/// An answer, to the process that has asked and no other.
public protocol ReplyPayload: MessagePayload where Members == PlainMembers {}

extension MessagePayload where Members == PlainMembers {
    public static var keyMember: String? { nil }
    /// Questions and answers have no order among each other.
    public var key: String { "" }
}

/// The members of a payload that is about no subject of its own: each type reads those that it has.
public struct PlainMembers: PayloadMembers {
    public let type: String
    public let encoded: EncodedPayload

    public init(_ encoded: EncodedPayload, type: String) {
        self.type = type
        self.encoded = encoded
    }

    /// Hands each member of the payload, which has to be an object, to `member`.
    public func read(_ member: (JSONKey, inout JSONReader) throws -> Void) throws(PayloadError) {
        try Self.read(encoded, type: type, member)
    }
}
