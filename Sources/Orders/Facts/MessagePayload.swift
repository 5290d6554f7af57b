import JSON
import Schemas

/// What a record says: a fact or a command. One struct a type, in its owner's folder, with its coder beside it.
///
/// A `Codable` struct has its coder already (`CodablePayload`); others read themselves from `Members`, all of which were
/// held against their bounds before, and write themselves.
public protocol MessagePayload: Hashable, Sendable {
    /// What a payload about this kind of subject may have: `PayloadFields` of orders, `UserFields` of users.
    associatedtype Members: PayloadMembers

    /// The name on the wire.
    static var type: String { get }
    /// The schema version that `write` writes.
    static var version: Int { get }
    /// As other producers call the type.
    static var aliases: [String] { get }
    /// From older schema versions to the present one.
    static var upcasters: [Upcaster] { get }
    /// The member that a record's key has to be equal to; nil where readers don't look.
    static var keyMember: String? { get }

    /// What `write` writes, for formats other than JSON. A `Codable` struct has it already.
    ///
    /// - Throws: where the coder of a `Codable` one doesn't say; it declares its own then.
    static var schema: MessageSchema { get throws(SchemaError) }

    /// The record's key: records with one key keep their order.
    var key: String { get }

    init(_ members: Members) throws(PayloadError)

    /// Reads a payload of any schema version, all of it. Every payload has this one; it is a requirement so that it is
    /// compiled for each of them, and not once for all, which would look everything up as it goes.
    init(_ encoded: EncodedPayload) throws(PayloadError)

    /// Writes the members of the payload, which is an object.
    func write(into json: inout JSONWriter) throws
}

/// Something that a service says has happened.
public protocol Fact: MessagePayload {
    /// When, in microseconds since the Unix epoch.
    var at: Int64 { get }
}

/// What a payload about an order has: it is kept in the order's stream or under the order's key.
public protocol OrderPayload: MessagePayload where Members == PayloadFields {
    var orderID: String { get }
}

/// A fact about an order, on `order-events`.
public protocol OrderFact: Fact, OrderPayload {}

/// What the fulfilment asks of a participant. Undo commands mean "make sure that it is undone".
public protocol Command: OrderPayload {}

/// A fact about a customer, on `user-events`.
public protocol UserFact: Fact where Members == UserFields {
    var userID: String { get }
}

extension MessagePayload {
    public static var version: Int { 1 }
    public static var aliases: [String] { [] }
    public static var upcasters: [Upcaster] { [] }

    @inlinable
    public init(_ encoded: EncodedPayload) throws(PayloadError) {
        try self.init(Members(Self.upcast(encoded), type: Self.type))
    }

    /// The payload as JSON.
    @inlinable
    public func payload() throws -> [UInt8] {
        var json = JSONWriter(capacity: 320)
        try json.object { try write(into: &$0) }
        return json.bytes
    }
}

extension OrderPayload {
    public static var keyMember: String? { "orderId" }
    public var key: String { orderID }
}

extension UserFact {
    /// Other producers key users' facts as they like.
    public static var keyMember: String? { nil }
    public var key: String { userID }
}
