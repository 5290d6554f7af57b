import Execution
import HTTPServer
import Hashing
import JSON
import OrderflowKit
import Orders
import Outbound
import Postgres

/// A tenant's own endpoints over HTTP. Those of others are as if they weren't there.
struct WebhookRoutes: Sendable {
    let database: ConnectionPool
    let vault: SecretVault
    let desk: DeliveryDesk
    let types: EventTypes
    let settings: WebhookSettings
    /// `ce_source` of pings.
    let source: String

    private static let listLimit = 1...500

    var routes: [Routes] {
        [
            Routes(needing: .webhooksWrite, .noStore, .refusals(titled: "Invalid webhook")) {
                Post("/webhooks", from: database, .bodyLimit(32 << 10)) { try create($0, $1) }
                Patch("/webhooks/:id", from: database, .bodyLimit(32 << 10)) { try change($0, $1) }
                Delete("/webhooks/:id", from: database) { delete($0, $1) }
                Post("/webhooks/:id/rotate-secret", from: database, .body(.optional)) { try rotate($0, $1) }
                Post("/webhooks/:id/pause", from: database, .body(.optional)) { pause($0, $1) }
                Post("/webhooks/:id/resume", from: database, .body(.optional)) { resume($0, $1) }
                Post("/webhooks/:id/ping", from: database, .body(.optional)) { ping($0, $1) }
                Post("/webhooks/:id/replay", from: database, .body(.optional)) { try replay($0, $1) }
            },
            Routes(needing: .webhooksRead, .noStore) {
                Get("/webhooks", from: database) { try list($0, $1) }
                Get("/webhooks/:id", from: database) { one($0, $1) }
                Get("/webhooks/:id/deliveries", from: database) { try deliveries($0, $1) }
            },
        ]
    }

    // MARK: Reading

    private func list(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let limit = try request.limit(Self.listLimit, default: 100)
        let cursor = try request.cursor(ListCursor.self)
        return PooledAnswer { connection in
            let found = try EndpointStore.page(
                tenant: context.tenant, after: cursor, limit: limit + 1, on: connection)
            var json = JSONWriter(capacity: 512 * found.count + 32)
            json.object { json in
                let written = json.page("webhooks", found.prefix(limit)) { $0.endpoint($1) }
                let next = written < found.count ? found[written - 1] : nil
                json.field("nextCursor", next.map { ListCursor(createdAt: $0.createdAt, id: $0.id).encoded })
            }
            return .json(.ok, json.bytes)
        }
    }

    private func one(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let id = request.pathParameter("id")
        return PooledAnswer { connection in
            Self.answer(try Self.found(id, context, on: connection))
        }
    }

    private func deliveries(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let id = request.pathParameter("id")
        let limit = try request.limit(Self.listLimit, default: 100)
        let cursor = try request.cursor(DeliveryCursor.self)
        let state = try request.choice("state", of: DeliveryList.State.self)
        return PooledAnswer { connection in
            let endpoint = try Self.found(id, context, on: connection)
            let found = try DeliveryList.page(
                of: endpoint.number, tenant: context.tenant, state: state, before: cursor?.position, limit: limit + 1,
                on: connection)
            var json = JSONWriter(capacity: 384 * found.count + 32)
            json.object { json in
                let written = json.page("deliveries", found.prefix(limit)) { $0.delivery($1) }
                let next = written < found.count ? found[written - 1] : nil
                json.field("nextCursor", next.map { DeliveryCursor(position: $0.position).encoded })
            }
            return .json(.ok, json.bytes)
        }
    }

    private static func found(
        _ id: String, _ context: RequestContext, on connection: Connection
    ) throws -> Endpoint {
        guard let endpoint = try EndpointStore.one(id, tenant: context.tenant, on: connection) else {
            throw NoSuchEndpoint(id: id)
        }
        return endpoint
    }

    // MARK: Writing

    private func create(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let wish = try WebhookRequest(request.body, isWhole: true, types: types, fault: settings.fault)
        let id = UUIDText.v7(microseconds: WallClock.nowMicroseconds())
        let secret = WebhookSecret.random()
        let sealed = try vault.seal(secret, tenant: context.tenant, endpoint: id)
        let limit = settings.endpoints
        return PooledAnswer { connection in
            do {
                let endpoint = try EndpointStore.add(
                    id, tenant: context.tenant, url: wish.url ?? "", types: wish.types ?? [], secret: sealed,
                    limit: limit, by: context.auditActor, on: connection)
                return Self.answer(
                    endpoint, .created, secret: secret, headers: [HTTPHeader("Location", "/webhooks/\(id)")])
            } catch let error as EndpointStore.TooMany {
                throw HTTPProblem(
                    .conflict, title: "Too many webhooks",
                    detail: "a tenant may have \(error.limit) (webhooks.endpoints)")
            }
        }
    }

    private func change(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let id = request.pathParameter("id")
        let wish = try WebhookRequest(request.body, isWhole: false, types: types, fault: settings.fault)
        return PooledAnswer { connection in
            Self.answer(
                try EndpointStore.change(
                    id, tenant: context.tenant, url: wish.url, types: wish.types, by: context.auditActor,
                    on: connection))
        }
    }

    private func delete(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let id = request.pathParameter("id")
        return PooledAnswer { connection in
            try EndpointStore.delete(id, tenant: context.tenant, by: context.auditActor, on: connection)
            return HTTPResponse(.noContent)
        }
    }

    private func rotate(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let id = request.pathParameter("id")
        let secret = WebhookSecret.random()
        let sealed = try vault.seal(secret, tenant: context.tenant, endpoint: id)
        return PooledAnswer { [window = settings.rotation] connection in
            Self.answer(
                try EndpointStore.rotate(
                    id, tenant: context.tenant, to: sealed, window: window, by: context.auditActor, on: connection),
                secret: secret)
        }
    }

    private func pause(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let id = request.pathParameter("id")
        return PooledAnswer { connection in
            Self.answer(
                try EndpointStore.pause(id, tenant: context.tenant, by: context.auditActor, on: connection))
        }
    }

    private func resume(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let id = request.pathParameter("id")
        return PooledAnswer { [desk] connection in
            let endpoint = try EndpointStore.resume(
                id, tenant: context.tenant, by: context.auditActor, on: connection)
            desk.wake(for: [endpoint.number])
            return Self.answer(endpoint)
        }
    }

    private func ping(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let id = request.pathParameter("id")
        let fact = WebhookFact(
            pinging: id, tenant: context.tenant, source: source, at: WallClock.nowMicroseconds())
        return PooledAnswer { [desk] connection in
            let endpoint = try Self.found(id, context, on: connection)
            guard endpoint.state == .active else {
                throw HTTPProblem(
                    .conflict, title: "Not active", detail: "the webhook is \(endpoint.state.rawValue): resume it first"
                )
            }
            let position = try connection.transaction { connection in
                try QueueStore.add(fact, for: endpoint.number, on: connection)
            }
            desk.wake(for: [endpoint.number])
            var json = JSONWriter()
            json.object { json in
                json.field("position", position)
                json.field("webhookId", fact.webhookID)
            }
            return .json(.accepted, json.bytes)
        }
    }

    private func replay(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let id = request.pathParameter("id")
        let start: EndpointStore.Start
        if let position = try request.query("from").flatMap({ Int64($0) }), position >= 0 {
            start = .position(position)
        } else if let time = try request.time("from") {
            start = .time(time)
        } else {
            throw HTTPProblem(
                .badRequest, detail: "from must be an RFC 3339 time, or the position of a delivery")
        }
        return PooledAnswer { [desk] connection in
            let facts = try EndpointStore.replay(
                id, tenant: context.tenant, from: start, by: context.auditActor, on: connection)
            desk.replays.raise()
            var json = JSONWriter()
            json.object { $0.field("facts", facts) }
            return .json(.accepted, json.bytes)
        }
    }

    private static func answer(
        _ endpoint: Endpoint, _ status: HTTPStatus = .ok, secret: WebhookSecret? = nil, headers: [HTTPHeader] = []
    ) -> HTTPResponse {
        var json = JSONWriter(capacity: 512)
        json.endpoint(endpoint, secret: secret?.text)
        return .json(status, json.bytes, headers: headers)
    }
}

extension NoSuchEndpoint: AnswerableError {
    package func problem(titled title: String?) -> HTTPProblem {
        HTTPProblem(.notFound, detail: description)
    }
}
