import Execution

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file descriptor that becomes readable, for good, when a `StopSignal` stops: what lets `poll(2)` wait for the
/// server and for the end at once.
final class StopPipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32
    private let stop: StopSignal

    init?(_ stop: StopSignal) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = ends[1]
        self.stop = stop
        stop.onStop { [weak self] in self?.fire() }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func belongs(to other: StopSignal) -> Bool { stop === other }

    private func fire() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }
}
