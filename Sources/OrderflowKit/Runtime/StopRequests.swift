import Execution
import Glibc

/// SIGINT and SIGTERM ask for a stop that drains; a second Ctrl-C doesn't wait for the drain.
package enum StopRequests {
    /// - Parameter abort: called at a SIGINT that follows any earlier request to stop.
    package static func watch(
        _ stop: StopSignal, abort: @escaping @Sendable () -> Void = { _exit(128 + SIGINT) }
    ) -> SignalWatch {
        SignalWatch([SIGINT, SIGTERM]) { signal in
            let isFirst = !stop.isStopped
            stop.stop()
            if !isFirst, signal == SIGINT { abort() }
        }
    }
}
