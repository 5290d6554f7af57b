import Execution
import Glibc
import OrderflowKit

/// One child process from its start to its reaping, leading a process group of its own: Ctrl-C at the terminal
/// reaches the supervisor alone, which then drains its children in order.
///
/// Signals are exact: a process that ended is reaped under the same lock that signals are sent under, so a signal never
/// goes to a stranger that got the same pid.
final class ChildProcess: Sendable {
    enum Exit: Sendable, Hashable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let signal): "signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        }
    }

    struct Command: Sendable {
        var executable: String
        /// Without the program's name.
        var arguments: [String]
        var environment: [String: String]
    }

    struct SpawnFailed: Error, CustomStringConvertible {
        let executable: String
        let code: Int32
        var description: String { "can't start \(executable): \(String(cString: strerror(code)))" }
    }

    let pid: pid_t
    /// Nil while the process isn't reaped.
    private let exit = Monitor<Exit?>(nil)

    /// - Parameter lifeline: becomes descriptor `Lifeline.childDescriptor` of the child; no other one is inherited but
    ///   standard output and error. Standard input is empty.
    init(_ command: Command, lifeline: Int32) throws(SpawnFailed) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        // Also clears close-on-exec where both numbers are the same.
        posix_spawn_file_actions_adddup2(&actions, lifeline, Lifeline.childDescriptor)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setpgroup(&attributes, 0)
        // Dispatch blocks signals on its threads and ignores those it watches; both would be inherited.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let arguments = [command.executable] + command.arguments
        let environment = command.environment.map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let code = Self.withCStrings(arguments) { arguments in
            Self.withCStrings(environment) { environment in
                posix_spawn(&pid, command.executable, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else { throw SpawnFailed(executable: command.executable, code: code) }
        self.pid = pid
    }

    /// To the whole group; does nothing once the process has ended.
    func send(_ signal: Int32) {
        exit.withLock { exit in
            if exit == nil { kill(-pid, signal) }
        }
    }

    /// Blocks until the process has ended, and reaps it. One thread may wait.
    func wait() -> Exit {
        var info = siginfo_t()
        // Leaves the process a zombie, whose pid can't be given away, until the lock is held.
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        return exit.update { exit in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1, errno == EINTR {}
            let signal = status & 0x7F
            let ended = signal == 0 ? Exit.code((status >> 8) & 0xFF) : Exit.signal(signal)
            exit = ended
            return ended
        }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}
