import Execution
import Synchronization

/// What wakes a relay in its own process: word of rows, or that it had better look for such.
final class RelayCalls: Sendable {
    let signal = WakeSignal()
    private let isTold = Atomic<Bool>(false)

    /// Rows were committed.
    func tell() {
        isTold.store(true, ordering: .releasing)
        signal.raise()
    }

    /// There may be rows, as far as anybody knows.
    func wake() { signal.raise() }

    /// Takes both. Whether it was told of rows.
    func take() -> Bool {
        _ = signal.take()
        return isTold.exchange(false, ordering: .acquiringAndReleasing)
    }
}
