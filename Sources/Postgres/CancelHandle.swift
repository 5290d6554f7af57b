import CLibpq
import Execution
import Synchronization

/// Cancels what a connection is doing, from any thread. Stays valid, and does nothing, after the connection ended.
///
/// A cancel request travels on a connection of its own and can arrive after the statement it was meant for; it
/// then hits the next one or nothing (PostgreSQL 15 documentation, 34.7).
///
/// `@unchecked Sendable`: libpq never writes to a PGcancel after making it ("PQcancel … can safely be invoked from
/// … a thread that is separate"), and it is freed once, in `deinit`.
public final class CancelHandle: @unchecked Sendable {
    private let raw: OpaquePointer?
    private let requested = Atomic(false)

    init(_ connection: OpaquePointer?) { raw = PQgetCancel(connection) }

    deinit { PQfreeCancel(raw) }

    /// Asks the server to cancel and waits until it took the request, at most `timeout`. The statement, if one was
    /// running, then fails with kind `.cancelled`. False when the request couldn't be delivered in time.
    @discardableResult
    public func cancel(timeout: Duration = .seconds(5)) -> Bool {
        guard raw != nil else { return false }
        let outcome = Monitor(false)
        // PQcancel blocks without a limit when the server's machine is gone, hence a thread to leave behind.
        let thread = DedicatedThread.start("pg-cancel") { [self] in
            var complaint = [CChar](repeating: 0, count: 256)
            requested.store(true, ordering: .relaxed)
            let sent = PQcancel(raw, &complaint, Int32(complaint.count)) == 1
            if !sent { requested.store(false, ordering: .relaxed) }
            outcome.update { $0 = sent }
        }
        return thread.join(timeout: timeout) && outcome.withLock { $0 }
    }

    /// Whether a cancel was asked for since the last call.
    func takeRequest() -> Bool { requested.exchange(false, ordering: .relaxed) }
}
