import Glibc

/// Our end of the connection to one guard shell (see `guardScript`).
///
/// `@unchecked Sendable`: a lock orders the questions and answers; the descriptors never change.
final class ProcessGuard: @unchecked Sendable {
    private let shell: pid_t
    private let connection: Int32
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private var closed = false

    /// Every answer but that to `end` comes at once; that one within the ten seconds after which the shell kills.
    private static let patience: Int32 = 30_000

    init(directory: String, log: String, ending: String, command: [String], environment: [String: String])
        throws(TestServerError)
    {
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)

        // Close-on-exec from birth: a child spawned meanwhile by another thread must not hold our end open,
        // or this guard would never see the end of file.
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw TestServerError("socketpair", errno: errno)
        }
        defer { Glibc.close(ends[1]) }
        // A session of its own, so that Ctrl-C in the terminal reaches the tests alone.
        let arguments =
            ["/usr/bin/setsid", "/bin/sh", "-c", guardScript, "test-server-guard", directory, log, ending] + command
        let spawned = spawn(arguments, environment: environment, standardStreams: ends[1], errors: log)
        guard spawned.error == 0 else {
            Glibc.close(ends[0])
            throw TestServerError("posix_spawn \(arguments[0])", errno: spawned.error)
        }
        shell = spawned.pid
        connection = ends[0]
    }

    deinit {
        close()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Sends one line and returns the number answered.
    func ask(_ question: String) throws(TestServerError) -> Int32 {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !closed else { throw TestServerError("the server is stopped for good") }
        let line = Array((question + "\n").utf8)
        guard send(connection, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else {
            throw TestServerError("send", errno: errno)
        }
        var answer = ""
        while true {
            var waiting = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, Self.patience)
            if ready < 0, errno == EINTR { continue }
            var byte: UInt8 = 0
            guard ready > 0, read(connection, &byte, 1) == 1 else {
                throw TestServerError("the guard of the server doesn't answer '\(question)'")
            }
            if byte == UInt8(ascii: "\n") { return Int32(answer) ?? -1 }
            answer.unicodeScalars.append(Unicode.Scalar(byte))
        }
    }

    /// Ends the server, removes its files and waits until that is done. The second time it does nothing.
    func close() {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !closed else { return }
        closed = true
        Glibc.close(connection)
        while waitpid(shell, nil, 0) < 0, errno == EINTR {}
    }
}

/// Spawns a process with default signals.
private func spawn(
    _ arguments: [String], environment: [String: String], standardStreams: Int32, errors log: String
) -> (error: Int32, pid: pid_t) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, standardStreams, 0)
    posix_spawn_file_actions_adddup2(&actions, standardStreams, 1)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
        argv.forEach { free($0) }
        envp.forEach { free($0) }
    }
    var pid: pid_t = 0
    let error = posix_spawn(&pid, arguments[0], &actions, &attributes, argv, envp)
    return (error, pid)
}
