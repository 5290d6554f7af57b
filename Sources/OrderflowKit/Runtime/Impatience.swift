import Glibc
import UnixSignals

/// A second Ctrl-C doesn't wait for the drain.
package enum Impatience {
    /// - Parameter abort: called at a SIGINT that follows any earlier request to stop.
    package static func watch(
        abort: @escaping @Sendable () -> Void = { _exit(128 + SIGINT) }
    ) -> Task<Void, Never> {
        Task {
            var requests = 0
            for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                requests += 1
                if requests > 1, signal == .sigint { abort() }
            }
        }
    }
}
