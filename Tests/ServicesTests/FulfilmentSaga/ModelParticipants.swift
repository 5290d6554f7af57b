import Orders

/// Inventory as the contract has it, for one order: every request is answered, an undo leaves a tombstone.
struct ModelInventory {
    enum Status { case none, reserved, rejected, released }

    let soldOut: Bool
    var status = Status.none
    /// How often pieces were taken, and how often they were put back.
    var taken = 0
    var returned = 0

    mutating func reserve() -> OrderFact.Kind {
        switch status {
        case .none where soldOut: status = .rejected
        case .none:
            status = .reserved
            taken += 1
        case .reserved, .rejected, .released: break
        }
        return status == .reserved
            ? .stockReserved(items: Sample.order.items) : .stockRejected(reason: "sold out", sku: nil)
    }

    mutating func release() -> OrderFact.Kind {
        switch status {
        case .reserved:
            status = .released
            returned += 1
            return .stockReleased(items: Sample.order.items)
        case .none: status = .released
        case .rejected, .released: break
        }
        return .stockReleased(items: [])
    }
}

/// The gateway: outside of every transaction, and idempotent by the order's id.
struct ModelGateway {
    let declines: Bool
    /// Refunds that it refuses before one works.
    var refusals: Int
    var charges = 0
    var refunds = 0

    mutating func charge() -> Bool {
        if declines { return false }
        charges = 1
        return true
    }

    mutating func refund() -> Bool {
        if refusals > 0 {
            if refusals < Int.max { refusals -= 1 }
            return false
        }
        refunds = 1
        return true
    }
}

/// Payment as the contract has it: calls the gateway between transactions, and answers everything in the end.
struct ModelPayment {
    enum Status { case none, charging, charged, declined, refunding, refunded, voided }

    var status = Status.none
    /// An undo came while the gateway was being asked.
    var undoWanted = false

    private static let amount = Sample.order.total

    mutating func process() -> [OrderFact.Kind] {
        switch status {
        case .none:
            status = .charging
            return []
        case .charging: return []
        case .charged, .refunding: return [.paymentProcessed(amount: Self.amount, reference: "r")]
        case .declined: return [.paymentFailed(reason: "declined")]
        case .refunded, .voided: return [.paymentFailed(reason: "undone before")]
        }
    }

    mutating func undo() -> [OrderFact.Kind] {
        switch status {
        case .none:
            status = .voided
            return [.paymentVoided]
        case .charging:
            undoWanted = true
            return []
        case .charged:
            status = .refunding
            return []
        case .refunding: return []
        case .declined, .voided: return [.paymentVoided]
        case .refunded: return [.paymentRefunded(amount: Self.amount, reference: "r")]
        }
    }

    var hasWork: Bool { status == .charging || status == .refunding }

    /// One call of the gateway and what is told of it.
    /// - Parameter retriesItself: nobody will ask again for a refund that was refused.
    mutating func work(at gateway: inout ModelGateway, retriesItself: Bool) -> [OrderFact.Kind] {
        switch status {
        case .charging:
            guard gateway.charge() else {
                status = .declined
                return [.paymentFailed(reason: "declined")] + (undoWanted ? [.paymentVoided] : [])
            }
            status = undoWanted ? .refunding : .charged
            return [.paymentProcessed(amount: Self.amount, reference: "r")]
        case .refunding:
            guard gateway.refund() else {
                if !retriesItself { status = .charged }
                return [.paymentRefundFailed(reason: "the gateway refuses")]
            }
            status = .refunded
            return [.paymentRefunded(amount: Self.amount, reference: "r")]
        default: return []
        }
    }
}
