#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where log lines go.
public struct LogOutput: Sendable {
    private enum Target {
        case descriptor(Int32)
        case queue(LogQueue)
    }

    private let target: Target

    public static let standardError = LogOutput(descriptor: STDERR_FILENO)

    /// A file descriptor, one `write(2)` a line, so that lines of threads and processes that share it don't mix
    /// (pipe(7): up to PIPE_BUF bytes).
    public init(descriptor: Int32) { target = .descriptor(descriptor) }

    /// Lines that are shipped elsewhere. Never blocks.
    public init(_ queue: LogQueue) { target = .queue(queue) }

    /// Whether people read it: colour is for a terminal, unless they don't want any (no-color.org).
    public func wantsColour(environment: [String: String]) -> Bool {
        guard case .descriptor(let descriptor) = target, isatty(descriptor) == 1, environment["TERM"] != "dumb" else {
            return false
        }
        return environment["NO_COLOR", default: ""].isEmpty
    }

    /// What can't be written is lost: a daemon doesn't stop because nobody reads its log.
    ///
    /// - Parameters:
    ///   - line: with its end.
    ///   - time: microseconds since the Unix epoch.
    func write(_ line: [UInt8], at time: Int64) {
        switch target {
        case .descriptor(let descriptor): Self.write(line, to: descriptor)
        case .queue(let queue): queue.offer(Array(line.dropLast()), at: time)
        }
    }

    private static func write(_ line: [UInt8], to descriptor: Int32) {
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                #if canImport(Glibc)
                    let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                #else
                    let count = Darwin.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                #endif
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    // The descriptor was made non-blocking, as a terminal's other users may.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if poll(&waiting, 1, 1_000) <= 0 { return }
                } else if errno != EINTR {
                    return
                }
            }
        }
    }
}
