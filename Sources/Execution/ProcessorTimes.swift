import Glibc

/// How long a thread has run since it began, and how long it could have run but waited for a processor, its container's share
/// of them included.
struct ProcessorTimes: Sendable, Equatable {
    let ran: Duration
    let waited: Duration

    /// Of the calling thread; nil where the kernel doesn't tell (`/proc/thread-self/schedstat`: nanoseconds run and waited,
    /// turns; Documentation/scheduler/sched-stats.rst).
    static func ofThisThread() -> ProcessorTimes? {
        let file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 96, alignment: 1) { bytes -> ProcessorTimes? in
            let count = read(file, bytes.baseAddress, bytes.count)
            guard count > 0 else { return nil }
            return ProcessorTimes(schedstat: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }
}

extension ProcessorTimes {
    init?(schedstat text: some Collection<UInt8>) {
        let fields = text.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
            .map { Int64(String(decoding: $0, as: UTF8.self)) }
        guard fields.count >= 2, let ran = fields[0], let waited = fields[1], ran >= 0, waited >= 0 else { return nil }
        self.init(ran: .nanoseconds(ran), waited: .nanoseconds(waited))
    }
}
