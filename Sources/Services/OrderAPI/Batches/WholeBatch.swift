import Execution
import HTTPServer
import JSON
import Logging
import Messaging
import OrderflowKit
import Orders
import Postgres

/// A batch of which all lines are stored or none: held until its end, checked as a whole, and stored by one transaction of
/// its own.
final class WholeBatch: BodyReceiver {
    private let request: BatchRequest
    private let service: OrderService
    private let responder: Responder
    private let seat: BatchSeats.Seat
    private let logger: Logger

    private struct State {
        var lines: BatchLines
        var orders: [BatchOrder] = []
        var refused: [(line: Int, refusal: BatchRefusal)] = []
        var refusedCount = 0
        var isOver = false
    }

    private let state: Monitor<State>

    /// Bad lines that the answer names.
    static let namedLimit = 100
    /// Lines in one statement.
    private static let storedAtOnce = 500

    init(
        _ request: BatchRequest, _ service: OrderService, _ responder: Responder, _ seat: BatchSeats.Seat,
        logger: Logger
    ) {
        self.request = request
        self.service = service
        self.responder = responder
        self.seat = seat
        self.logger = logger
        state = Monitor(State(lines: BatchLines(request)))
    }

    // MARK: Reading

    func receive(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> BodyTaken {
        state.withLock { state in
            var taken = 0
            while !state.isOver {
                var consumed = 0
                let step = state.lines.next(
                    UnsafeRawBufferPointer(rebasing: bytes[taken...]), isLast: isLast, consumed: &consumed)
                taken += consumed
                switch step {
                case .order(let order): if state.refusedCount == 0 { state.orders.append(order) }
                case .refused(let line, let refusal):
                    state.refusedCount += 1
                    state.orders = []
                    if state.refused.count < Self.namedLimit { state.refused.append((line, refusal)) }
                case .needsMore: return BodyTaken(taken)
                case .end:
                    state.isOver = true
                    end(&state)
                case .broken(let problem):
                    state.isOver = true
                    release(problem)
                }
            }
            // Nothing more is wanted of a body that is broken.
            return BodyTaken(bytes.count, pausing: !isLast)
        }
    }

    func bodyBroke(_ reason: BodyFailure) {
        state.withLock { state in
            guard !state.isOver else { return }
            state.isOver = true
            state.orders = []
            release(BatchAnswers.End.cut(reason).problem ?? HTTPProblem(.badRequest))
        }
    }

    // MARK: The end

    private func end(_ state: inout State) {
        guard state.refusedCount == 0 else {
            service.batchMetrics.count(refused: state.refusedCount)
            return release(Self.refusal(state.refused, of: state.refusedCount))
        }
        let orders = state.orders
        state.orders = []
        let isQueued = service.batches.submit { [self] connection in
            do {
                let replayed = try store(orders, on: connection.get())
                service.wakeRelay()
                logger.info("batch_taken", metadata: fields(["accepted": "\(orders.count)"]))
                service.batchMetrics.count(accepted: orders.count)
                responder.send(answer(to: orders, replayed))
            } catch let refusal as Refused {
                service.batchMetrics.count(refused: refusal.count)
                release(Self.refusal(refusal.lines, of: refusal.count))
            } catch {
                logger.warning("batch_not_taken", metadata: fields(["error": "\(error)"]))
                release(Unavailable.problem(PostgresError(thrown: error)))
            }
        }
        if !isQueued { release(Unavailable.overloaded) }
    }

    private struct Refused: Error {
        var lines: [(line: Int, refusal: BatchRefusal)] = []
        var count = 0
    }

    /// Stores all or throws. Returns the lines that were there before.
    private func store(_ orders: [BatchOrder], on connection: Connection) throws -> Set<Int> {
        let key = request.key
        return try connection.transaction { connection in
            // Two requests with one key come one after the other: each of them seals the batch, and neither may hold what
            // the other's orders wait for.
            _ = try connection.query(
                "SELECT FROM batches WHERE tenant = $1 AND batch_id = $2 FOR UPDATE",
                [.text(key.tenant), .text(key.batchID)])
            let isClosed = try !BatchStore.lock([key], on: connection).isEmpty
            var replayed: Set<Int> = []
            var refused = Refused()
            var stored = 0
            for start in stride(from: 0, to: orders.count, by: Self.storedAtOnce) {
                let part = Array(orders[start..<min(start + Self.storedAtOnce, orders.count)])
                let known =
                    try isClosed ? part : EventStore.append(part.map(\.append), on: connection).map { part[$0] }
                stored += part.count - known.count
                guard !known.isEmpty else { continue }
                for (line, verdict) in try BatchReplay.look(known, tenant: key.tenant, on: connection) {
                    switch verdict {
                    case .same: replayed.insert(line)
                    case .refused(let refusal):
                        refused.count += 1
                        if refused.lines.count < Self.namedLimit { refused.lines.append((line, refusal)) }
                    }
                }
            }
            guard refused.count == 0 else { throw refused }
            guard !isClosed else { return replayed }
            try BatchStore.add([(key, stored)], on: connection)
            try BatchStore.seal(key, lines: orders.count, topic: service.topic, on: connection)
            return replayed
        }
    }

    private func answer(to orders: [BatchOrder], _ replayed: Set<Int>) -> HTTPResponse {
        var body: [UInt8] = []
        body.reserveCapacity(orders.count * 80)
        for order in orders {
            BatchAnswer.stored(order.line, order.orderID, isReplayed: replayed.contains(order.line), into: &body)
        }
        var counts = BatchAnswer.Counts()
        counts.accepted = orders.count
        body += BatchAnswer.summary(request.key.batchID, counts)
        return HTTPResponse(.ok, contentType: BatchAnswer.contentType, headers: [request.location], body: body)
    }

    /// Names the bad lines, as far as there is room.
    private static func refusal(_ lines: [(line: Int, refusal: BatchRefusal)], of count: Int) -> HTTPProblem {
        let lines = lines.sorted { $0.line < $1.line }
        var json = JSONWriter()
        json.object { json in
            json.key("errors")
            json.array { json in
                for (line, refusal) in lines {
                    let kept = refusal.line(line)
                    json.object {
                        $0.field("line", line)
                        $0.field("status", refusal.status.rawValue)
                        $0.field("pointer", kept.pointer.map { String($0.prefix(200)) })
                        $0.field("detail", String(kept.reason.prefix(200)))
                    }
                }
            }
        }
        let passing = lines.compactMap(\.refusal.retryAfter).max()
        // What only has to be sent again is told so where nothing else is wrong.
        let isPassing = passing != nil && lines.allSatisfy(\.refusal.isPassing)
        return HTTPProblem(
            isPassing ? lines.first?.refusal.status ?? .serviceUnavailable : .unprocessableContent,
            title: isPassing ? lines.first?.refusal.title : "Invalid batch",
            detail: "\(count) of the orders can't be taken, so none was"
                + (count > lines.count ? "; the first of them" : ""),
            members: Array(json.bytes.dropFirst().dropLast()),
            headers: isPassing ? [HTTPHeader("Retry-After", String(passing ?? 1))] : [])
    }

    /// Nothing was stored. The same key may come again.
    private func release(_ problem: HTTPProblem) {
        logger.info("batch_refused", metadata: fields(["status": "\(problem.status.rawValue)"]))
        let key = request.key
        let isQueued = service.batches.submit { [responder, logger] connection in
            do {
                try BatchStore.release(key, on: connection.get())
            } catch {
                // It is released by its time.
                logger.debug("batch_not_released", metadata: ["batch_id": "\(key.batchID)", "error": "\(error)"])
            }
            responder.send(problem)
        }
        if !isQueued { responder.send(problem) }
    }

    private func fields(_ more: Logger.Metadata) -> Logger.Metadata {
        request.context.requestFields.merging(["batch_id": "\(request.key.batchID)", "policy": "all"]) { $1 }
            .merging(more) { $1 }
    }
}
