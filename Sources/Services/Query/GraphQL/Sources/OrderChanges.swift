import Execution
import HTTPServer
import Messaging
import OrderflowKit
import Postgres

/// Changes of an order as a sequence, from the watch that the streams of the other routes have too.
struct OrderChanges: Sendable {
    let views: ConnectionPool
    let watch: OrderWatch

    /// The order's view now, and again at each change. Throws an `HTTPProblem` where there is no such order within a few
    /// seconds, or too many listen. Of states that follow each other faster than they are taken, the last one counts.
    func changes(
        of orderID: String, within reach: Reach, for caller: GraphQLCaller
    ) async throws -> AsyncStream<OrderViewStore.View> {
        if try await !isThere(orderID, within: reach, for: caller) {
            throw OrderViewAnswer.missing(OrderKey(tenant: reach.tenant, orderID: orderID))
        }
        let (stream, continuation) = AsyncStream.makeStream(
            of: OrderViewStore.View.self, bufferingPolicy: .bufferingNewest(1))
        let principal = caller.context.principal
        let end = try watch.stream(
            OrderWatch.Interest(orderID: orderID, reach: reach), from: caller.origin
        ) {
            { view in
                // Ends where its caller isn't let in any more.
                guard !principal.isOver else {
                    continuation.finish()
                    return false
                }
                if case .terminated = continuation.yield(view) { return false }
                return true
            }
        }
        continuation.onTermination = { _ in end() }
        return stream
    }

    /// A customer's page may be quicker than the projection.
    private func isThere(_ orderID: String, within reach: Reach, for caller: GraphQLCaller) async throws -> Bool {
        let isThere = try await views.withConnection { connection in
            try connection.acting(for: reach.tenant) {
                try OrderViewStore.one(orderID, within: reach, on: $0) != nil
            }
        }
        if isThere { return true }
        let wait = WaitEnd()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                do throws(HTTPProblem) {
                    wait.set(
                        try watch.wait(
                            OrderWatch.Interest(orderID: orderID, reach: reach),
                            for: .seconds(ReadCondition.longestWait), from: caller.origin
                        ) { continuation.resume(returning: $0 != nil) })
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            wait.end()
        }
    }
}

/// Ends a wait that may not have begun yet.
private final class WaitEnd: Sendable {
    private let state = Monitor<(end: (@Sendable () -> Void)?, isOver: Bool)>((nil, false))

    func set(_ end: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            state.end = end
            return state.isOver
        }
        if isOver { end() }
    }

    func end() {
        let end = state.withLock { state in
            state.isOver = true
            return state.end
        }
        end?()
    }
}
