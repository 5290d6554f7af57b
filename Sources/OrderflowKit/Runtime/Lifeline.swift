import Execution
import Glibc
import Logging

/// Tells children that their supervisor is gone, even by SIGKILL: it alone holds one end of a socket pair, so its death
/// is the end of file on the other end, which every child has.
package final class Lifeline: Sendable {
    /// Where a child finds its end; `ORDERFLOW_SUPERVISOR_FD` says so too.
    package static let childDescriptor: Int32 = 3

    package struct Unavailable: Error, CustomStringConvertible {
        package let code: Int32
        package var description: String { "can't make a socket pair: \(String(cString: strerror(code)))" }
    }

    /// For children to inherit.
    package let childEnd: Int32
    private let ownEnd: Int32

    package init() throws(Unavailable) {
        var ends: [Int32] = [-1, -1]
        // Not a pipe: pipe2, which sets close-on-exec in the same step, isn't in Swift's Glibc module.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Unavailable(code: errno) }
        childEnd = ends[0]
        ownEnd = ends[1]
    }

    deinit {
        close(childEnd)
        close(ownEnd)
    }

    /// In a child: calls `onEnd` once the supervisor is gone. Does nothing in a process that has no supervisor.
    /// False when `text` names no pipe or socket.
    @discardableResult
    package static func watch(descriptor text: String?, _ onEnd: @escaping @Sendable () -> Void) -> Bool {
        guard let text, !text.isEmpty else { return true }
        var status = stat()
        guard let descriptor = Int32(text), fstat(descriptor, &status) == 0,
            [S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT)
        else { return false }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        DedicatedThread.start("lifeline") {
            var byte: UInt8 = 0
            while true {
                let count = read(descriptor, &byte, 1)
                // Nobody writes; whatever comes but an interruption is the end.
                if count == 0 || (count < 0 && errno != EINTR) { break }
            }
            onEnd()
        }
        return true
    }
}

extension Lifeline {
    /// As `watch`, with what the supervisor put into the environment.
    package static func watchFromEnvironment(logger: Logger, _ onEnd: @escaping @Sendable () -> Void) {
        let name = SettingsEnvironment.supervisorDescriptor
        guard let text = getenv(name) else { return }
        if !watch(descriptor: String(cString: text), onEnd) {
            logger.warning("supervisor_pipe_ignored", metadata: ["variable": "\(name)"])
        }
    }
}
