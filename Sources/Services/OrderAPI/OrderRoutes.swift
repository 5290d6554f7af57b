import Execution
import HTTPServer
import JSON
import Logging
import Messaging
import OrderflowKit
import Orders
import Postgres

/// The command side over HTTP: `POST /orders`, `POST /orders/{id}/cancel`, `GET /orders/{id}/events`.
public struct OrderRoutes: Sendable {
    private let service: OrderService
    private let logger: Logger

    public static let historyLimit = 1...1000

    public init(_ service: OrderService, logger: Logger) {
        self.service = service
        self.logger = logger
    }

    public var routes: [Routes] {
        [
            Routes(needing: .ordersWrite, orOwn: true) {
                Post("/orders", .refusals(titled: "Invalid order")) { try create($0, $1, $2) }
                Post(
                    "/orders/:id/cancel", from: service.database, .body(.optional), .bodyLimit(4 << 10),
                    .refusals(titled: "Invalid cancellation")
                ) { try cancel($0, $1) }
            },
            Routes(needing: .ordersRead, orOwn: true, .noCache) {
                Get("/orders/:id/events", from: service.database) { try history($0, $1) }
            },
        ]
    }

    // MARK: POST /orders

    private func create(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws {
        try create(request.body, IdempotencyKey(request), context, responder)
    }

    /// An order from its body, however that came.
    func create(
        _ body: UnsafeRawBufferPointer, _ key: IdempotencyKey?, _ context: RequestContext, _ responder: Responder
    ) throws {
        let order = try OrderRequest(json: body)
        let reach = try context.reach(.ordersWrite)
        try reach.demand(order.userID)
        let priority = try service.priorities.priority(of: order, for: context)
        guard let known = service.secrets.alone(key: key != nil, token: order.paymentToken != nil) else {
            return create(order, key, context, reach, priority).send(
                to: responder, from: service.database, for: context)
        }
        try append(OrderIntake(order, context, reach, key, known, priority), responder)
    }

    private func append(_ intake: OrderIntake, _ responder: Responder) throws {
        let accepted = service.writer.submit(
            EventWriter.Request(append: intake.append) { outcome in
                switch outcome {
                case .appended:
                    responder.send(intake.answer)
                    logger.debug("order taken", metadata: intake.logFields)
                case .versionTaken:
                    PooledAnswer(order: intake.key) { try replay(intake.append.streamID, intake, on: $0) }
                        .send(to: responder, from: service.database, for: intake.context)
                case .failed(let error):
                    logger.debug("order not taken", metadata: intake.logFields)
                    responder.send(Unavailable.problem(error))
                }
            })
        if !accepted { throw Unavailable.overloaded }
    }

    /// Where a look into the database is needed first: at the secrets, or for the id that the key had before.
    private func create(
        _ order: OrderRequest, _ key: IdempotencyKey?, _ context: RequestContext, _ reach: Reach, _ priority: Priority
    ) -> PooledAnswer {
        PooledAnswer { connection in
            let known = KnownSecrets.Known(
                secret: key == nil ? nil : try service.secrets.secret(),
                seal: order.paymentToken == nil ? nil : try service.secrets.seal())
            let intake = OrderIntake(order, context, reach, key, known, priority)
            var formerStream: String?
            if let key, let secret = known.secret, secret.looksForFormerIDs(at: WallClock.nowMicroseconds()) {
                formerStream = InstallationSecret.formerID(.order, key, tenant: context.tenant)
            }
            let append = KeyedAppend(
                append: intake.append, formerStream: formerStream, categories: OrderStreams.categories)
            if let taken = try append.make(on: connection) { return try replay(taken, intake, on: connection) }
            service.wakeRelay()
            logger.debug("order taken", metadata: intake.logFields)
            return intake.answer
        }
    }

    /// The order is there already: the first answer again for the same request, 422 for another one.
    private func replay(_ orderID: String, _ intake: OrderIntake, on connection: Connection) throws -> HTTPResponse {
        // Another user's is as good as another request's.
        guard let (first, created) = try OrderStreams.first(of: orderID, within: intake.reach, on: connection)
        else { throw IdempotencyKey.reused }
        let metadata = try first.metadata.withUnsafeBytes { try EventMetadata(json: $0) }
        guard let digest = intake.digest, digest.matches(metadata.requestDigest) else { throw IdempotencyKey.reused }
        return IdempotencyKey.replayed(OrderAnswer.created(created))
    }

    // MARK: POST /orders/{id}/cancel

    private func cancel(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        try cancellation(of: request.pathParameter("id"), request.body, context)
    }

    /// An order's cancellation from its body, however that came.
    func cancellation(
        of orderID: String, _ body: UnsafeRawBufferPointer, _ context: RequestContext
    ) throws -> PooledAnswer {
        let reach = try context.reach(.ordersWrite)
        let key = OrderKey(tenant: reach.tenant, orderID: orderID)
        let reason = try CancelRequest(body).reason
        return PooledAnswer(order: key) { connection in
            // Another request may append between our read and our write; each loss means that another one won.
            for _ in 0..<10 {
                guard let found = try OrderStreams.loadWithPriority(key.orderID, within: reach, on: connection) else {
                    throw HTTPProblem(.notFound, detail: "there is no order \(key.orderID)")
                }
                var order = found.order
                let now = WallClock.nowMicroseconds()
                let events: [OrderEvent]
                do {
                    events = try order.decide(.requestCancellation(reason: reason), at: now)
                } catch {
                    throw HTTPProblem(.conflict, title: "Too late to cancel", detail: "\(error)")
                }
                if events.isEmpty { return OrderAnswer.cancelling(order) }
                let append = OrderStreams.append(events, to: key, at: order.version) { _ in
                    let id = UUIDText.v7(microseconds: now)
                    return EventMetadata(
                        id: id, source: OrderStreams.source, time: now, tenant: context.tenant,
                        correlationID: context.correlationID ?? id, traceparent: context.traceparent,
                        actor: context.actor, priority: found.priority)
                }
                guard try EventStore.append([append], on: connection).isEmpty else { continue }
                service.wakeRelay()
                for event in events { order = Order.evolve(order, event) ?? order }
                return OrderAnswer.cancelling(order)
            }
            throw HTTPProblem(
                .serviceUnavailable, detail: "the order keeps changing", headers: [Unavailable.retryAfter])
        }
    }

    // MARK: GET /orders/{id}/events

    private func history(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let reach = try context.reach(.ordersRead)
        let key = OrderKey(tenant: reach.tenant, orderID: request.pathParameter("id"))
        let limit = try request.limit(Self.historyLimit, default: Self.historyLimit.upperBound)
        let cursor = try request.cursor(VersionCursor.self)
        return PooledAnswer(order: key) { connection in
            guard
                let (events, version) = try OrderStreams.page(
                    of: key.orderID, within: reach, after: cursor?.version ?? 0, limit: limit, on: connection)
            else { throw HTTPProblem(.notFound, detail: "there is no order \(key.orderID)") }
            var json = JSONWriter(capacity: 512 * events.count)
            try json.object { json in
                json.field("orderId", key.orderID)
                json.key("events")
                try json.array { json in for event in events { try json.event(event) } }
                let next = events.last.flatMap { $0.version < version ? VersionCursor(version: $0.version) : nil }
                json.field("nextCursor", next?.encoded)
            }
            return HTTPResponse.json(.ok, json.bytes, headers: [HTTPHeader("ETag", "\"\(version)\"")])
        }
    }
}

/// A place in an order's history.
struct VersionCursor: PageCursor {
    /// The last one that was shown.
    let version: Int

    init(version: Int) { self.version = version }

    init?(encoded text: String) {
        guard let version = CursorText.read(text, parts: 1).flatMap({ Int32($0[0]) }), version >= 0 else { return nil }
        self.version = Int(version)
    }

    var encoded: String { CursorText.write([String(version)]) }
}

extension JSONWriter {
    /// An event of an order's history.
    mutating func event(_ event: StoredEvent) throws {
        let metadata = try event.metadata.withUnsafeBytes { try EventMetadata(json: $0) }
        let payload = HiddenMembers.hide(in: try event.json())
        object { json in
            json.field("version", event.version)
            json.field("type", event.type)
            json.field("schemaVersion", event.schemaVersion)
            json.time("recordedAt", event.createdAt)
            json.field("payload", raw: payload)
            json.key("audit")
            json.object { $0.audit(metadata) }
        }
    }

    /// Who did it, for whom, and what led to it.
    private mutating func audit(_ metadata: EventMetadata) {
        field("messageId", metadata.id)
        time("at", metadata.time)
        field("tenant", metadata.tenant)
        // Who asked, as the request said; without it, a service did it by itself.
        field("subject", metadata.actor)
        field("source", metadata.source)
        field("correlationId", metadata.correlationID)
        field("causationId", metadata.causationID)
        field("traceparent", metadata.traceparent)
        if metadata.priority == .express { field("priority", metadata.priority.rawValue) }
    }
}
