import Execution
import HTTPServer
import JSON
import Logging
import OrderflowKit
import Orders
import Postgres

/// Many orders at once: `POST /orders/batch`.
struct BatchRoutes: Sendable {
    private let service: OrderService
    private let logger: Logger

    init(_ service: OrderService, logger: Logger) {
        self.service = service
        self.logger = logger
    }

    /// A request takes no longer than this from its opening to its end: its body has its time (`Timeouts.upload`), and what
    /// the writers have is stored soon after.
    private static let holding: Duration = .seconds(900)

    var routes: Routes {
        Routes(needing: .ordersWrite, orOwn: true) {
            Post(
                "/orders/batch", .body(.records), .streamedBody(limit: BatchRequest.byteLimit),
                .refusals(titled: "Invalid batch")
            ) { try take($0, $1, $2) }
        }
    }

    private func take(_ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder) throws {
        let key = try IdempotencyKey(request)
        let policy = try BatchPolicy(request)
        let isLines = request.withHeader("Content-Type", JSONBody.isJSONLines) == true
        let reach = try context.reach(.ordersWrite)
        let seat = try service.batchSeats.take(policy, for: context.remoteAddress.origin)
        let isQueued = service.batches.submit { [service, logger] connection in
            do {
                let connection = try connection.get()
                let secret = try key == nil ? nil : service.secrets.secret()
                // Orders with a token are refused without it, and the others not.
                let seal = try? service.secrets.seal()
                let batchID =
                    key.flatMap { key in
                        secret?.id(.batch, key, tenant: context.tenant, owner: context.keyOwner)
                    } ?? UUIDText.v7(microseconds: WallClock.nowMicroseconds())
                let batch = BatchRequest(
                    key: BatchKey(tenant: context.tenant, batchID: batchID), policy: policy,
                    form: isLines ? .lines : .array, idempotencyKey: key,
                    known: KnownSecrets.Known(secret: secret, seal: seal), context: context, reach: reach,
                    limits: service.limits, priorities: service.priorities)
                let opened = try BatchStore.open(
                    batch.key, policy: policy.rawValue, owner: reach.userID, holdingFor: Self.holding, on: connection)
                guard opened.policy == policy.rawValue, opened.owner == reach.userID else {
                    return responder.send(IdempotencyKey.reused)
                }
                switch policy {
                case .each:
                    responder.takeBody(
                        by: BatchIntake(batch, isFresh: opened.isNew, service, responder, seat, logger: logger))
                case .all: responder.takeBody(by: WholeBatch(batch, service, responder, seat, logger: logger))
                }
            } catch let problem as HTTPProblem {
                responder.send(problem)
            } catch {
                logger.warning(
                    "batch_not_opened", metadata: context.requestFields.merging(["error": "\(error)"]) { $1 })
                responder.send(Unavailable.problem(PostgresError(thrown: error)))
            }
        }
        if !isQueued { throw Unavailable.overloaded }
    }
}
