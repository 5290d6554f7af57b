import Execution
import HTTPServer
import JSON
import Messaging
import OrderFacts
import OrderflowKit
import Orders

/// What holds for all lines of a batch.
struct BatchRequest: Sendable {
    let key: BatchKey
    let policy: BatchPolicy
    let form: RecordSplitter.Form
    let idempotencyKey: IdempotencyKey?
    let known: KnownSecrets.Known
    let context: RequestContext
    let reach: Reach
    let limits: RequestLimits?
    let priorities: OrderPriorities

    /// Orders of one request.
    static let lineLimit = 10_000
    /// Bytes of one request.
    static let byteLimit = 16 << 20

    var location: HTTPHeader { HTTPHeader("Location", "/batches/\(key.batchID)") }
}

/// An order of a batch that is good to be stored.
struct BatchOrder: Sendable {
    /// From 1.
    let line: Int
    let append: StreamAppend
    /// Of its text.
    let bytes: Int

    var orderID: String { append.streamID }
    /// Nil without an Idempotency-Key: then no other request knows its id.
    var digest: String? { append.events.first?.metadata.requestDigest }
}

/// Reads the orders of a batch from its body, one by one.
struct BatchLines: Sendable {
    enum Step {
        case order(BatchOrder)
        case refused(line: Int, BatchRefusal)
        case needsMore
        case end
        /// What follows can't be read, or is too much.
        case broken(HTTPProblem)
    }

    private let request: BatchRequest
    private var splitter: RecordSplitter
    /// So far.
    private(set) var count = 0

    init(_ request: BatchRequest) {
        self.request = request
        splitter = RecordSplitter(request.form, limit: OrderRequest.Limit.bytes)
    }

    /// The next one in `bytes`, as `RecordSplitter.next` finds it.
    mutating func next(_ bytes: UnsafeRawBufferPointer, isLast: Bool, consumed: inout Int) -> Step {
        let step = splitter.next(bytes, isLast: isLast, consumed: &consumed)
        switch step {
        case .needsMore: return .needsMore
        case .end where count > 0: return .end
        case .end:
            return .broken(HTTPProblem(.badRequest, title: "Empty batch", detail: "there are no orders in the body"))
        case .broken(let reason):
            return .broken(
                HTTPProblem(.badRequest, title: "Malformed JSON", detail: "\(reason) (behind line \(count))"))
        case .record, .tooLong:
            guard count < BatchRequest.lineLimit else {
                return .broken(
                    HTTPProblem(
                        .contentTooLarge, title: "Too many orders",
                        detail: "a batch has at most \(BatchRequest.lineLimit) orders; those behind aren't taken"))
            }
            count += 1
        }
        guard case .record(let record) = step else { return .refused(line: count, .tooLong) }
        do {
            return .order(try order(record))
        } catch {
            return .refused(line: count, BatchRefusal(error))
        }
    }

    private func order(_ record: UnsafeRawBufferPointer) throws -> BatchOrder {
        let (context, key) = (request.context, request.key)
        if let wait = request.limits?.refuses(
            context.principal, from: context.remoteAddress.origin, for: context.tenant, now: RequestLimits.clock())
        {
            throw BatchRefusal.quota(nanoseconds: wait)
        }
        let order = try OrderRequest(json: record)
        try request.reach.demand(order.userID)
        let priority = try priority(of: order)
        if order.paymentToken != nil, request.known.seal == nil { throw BatchRefusal.noTokenKey }
        let now = WallClock.nowMicroseconds()
        var digest: KeyedDigest?
        var orderID: String?
        if let key = request.idempotencyKey, let secret = request.known.secret {
            orderID = secret.id(.line, key, tenant: context.tenant, owner: context.keyOwner, line: count)
            digest = secret.digest(of: order.canonical)
        }
        let created = OrderCreated(order, orderID: orderID ?? UUIDText.v7(microseconds: now), at: now)
        let append = OrderIntake.append(
            created, order, context, request.known, digest, priority, in: BatchPlace(batchID: key.batchID, line: count))
        return BatchOrder(line: count, append: append, bytes: record.count)
    }

    private func priority(of order: OrderRequest) throws(BatchRefusal) -> Priority {
        do {
            return try request.priorities.priority(of: order, for: request.context)
        } catch {
            var refusal = BatchRefusal(error)
            refusal.violations = [
                OrderRequest.Violation(pointer: OrderPriorities.pointer, detail: refusal.detail ?? refusal.title)
            ]
            throw refusal
        }
    }
}
