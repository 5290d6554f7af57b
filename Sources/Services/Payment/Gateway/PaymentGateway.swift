import Orders

/// Moves customers' money. A foreign system, to be expected to be slow, silent, or away.
///
/// Calls block their thread, for a bounded time. A call repeated with the same idempotency key has the effect of one
/// and gets the same final answer, however long ago the first was: what is retried for ever relies on it.
public protocol PaymentGateway: Sendable {
    /// Takes the money. Returns the gateway's reference for it.
    func charge(_ charge: GatewayCharge) throws(GatewayError) -> String

    /// Gives all of it back. Returns the gateway's reference for that.
    func refund(_ refund: GatewayRefund) throws(GatewayError) -> String
}

/// What a gateway is asked.
enum GatewayRequest: Sendable {
    case charge(GatewayCharge)
    case refund(GatewayRefund)
}

extension PaymentGateway {
    /// Blocks until there is an answer.
    func answer(to request: GatewayRequest) throws(GatewayError) -> String {
        switch request {
        case .charge(let request): try charge(request)
        case .refund(let request): try refund(request)
        }
    }
}

/// A call that ends by itself.
struct QueuedCall: Sendable {
    let request: GatewayRequest
    /// Is to be called once, from any thread.
    let end: @Sendable (Result<String, GatewayError>) -> Void
}

/// A gateway that needs no thread for each call.
protocol QueuedGateway: PaymentGateway {
    /// Begins calls, which end after a bounded time. Doesn't block.
    func begin(_ calls: [QueuedCall])
}

public struct GatewayCharge: Hashable, Sendable {
    public let idempotencyKey: String
    public let orderID: String
    public let userID: String
    public let amount: Money
    public let paymentToken: String?
    /// The span that the call belongs to, for a gateway that can tell its own system of it.
    public let traceparent: String?

    public init(
        idempotencyKey: String, orderID: String, userID: String, amount: Money, paymentToken: String?,
        traceparent: String? = nil
    ) {
        self.idempotencyKey = idempotencyKey
        self.orderID = orderID
        self.userID = userID
        self.amount = amount
        self.paymentToken = paymentToken
        self.traceparent = traceparent
    }
}

public struct GatewayRefund: Hashable, Sendable {
    public let idempotencyKey: String
    public let orderID: String
    public let amount: Money
    public let chargeReference: String
    public let traceparent: String?

    public init(
        idempotencyKey: String, orderID: String, amount: Money, chargeReference: String, traceparent: String? = nil
    ) {
        self.idempotencyKey = idempotencyKey
        self.orderID = orderID
        self.amount = amount
        self.chargeReference = chargeReference
        self.traceparent = traceparent
    }
}

public enum GatewayError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The gateway's final no: nothing was charged or refunded, and nothing will be.
    case declined(String)
    /// It didn't do it, and may do it later.
    case unavailable(String)
    /// It may have done it: no answer came.
    case unknown(String)
    /// It answered, and its answer settles nothing: it may have done it, and says so in words that nobody here
    /// understands, or is still at it. That is about this call alone, and no sign of an outage.
    case undecided(String)

    /// Whether other calls would fare no better now.
    public var isOutage: Bool {
        switch self {
        case .declined, .undecided: false
        case .unavailable, .unknown: true
        }
    }

    public var description: String {
        switch self {
        case .declined(let reason): "declined: \(reason)"
        case .unavailable(let reason): "unavailable: \(reason)"
        case .unknown(let reason): "outcome unknown: \(reason)"
        case .undecided(let reason): "outcome unknown, though answered: \(reason)"
        }
    }
}
