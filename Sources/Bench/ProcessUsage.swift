import Glibc

/// CPU time and memory of a process and its descendants, from the kernel's files (proc(5)): a PostgreSQL server is a
/// process per connection.
public struct ProcessUsage: Sendable {
    /// User and system time since the processes started, those that have ended included once their parent took notice.
    public var cpuSeconds = 0.0
    /// Resident memory without what the processes share (`RssAnon`), in bytes: shared buffers would count many times.
    public var memoryBytes = 0

    public init() {}

    /// Nil when there is no such process.
    public static func of(_ root: Int32) -> ProcessUsage? {
        guard read(root) != nil else { return nil }
        var children: [Int32: [Int32]] = [:]
        for pid in allProcesses() {
            if let parent = read(pid)?.parent { children[parent, default: []].append(pid) }
        }
        var usage = ProcessUsage()
        var pending = [root]
        while let pid = pending.popLast() {
            pending += children[pid] ?? []
            guard let one = read(pid) else { continue }
            usage.cpuSeconds += Double(one.ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
            usage.memoryBytes += anonymousBytes(pid)
        }
        return usage
    }

    /// Of the calling process alone.
    public static func own() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func read(_ pid: Int32) -> (parent: Int32, ticks: Int)? {
        // The second field, the name, may hold spaces and parentheses itself.
        guard let line = file("/proc/\(pid)/stat"), let name = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: name)...].split(separator: " ")
        // From field 3 on; 14 to 17 are user and system time, own and of children waited for.
        guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
        let ticks = fields[11...14].reduce(into: 0) { $0 += Int($1) ?? 0 }
        return (parent, ticks)
    }

    private static func anonymousBytes(_ pid: Int32) -> Int {
        for line in (file("/proc/\(pid)/status") ?? "").split(separator: "\n") where line.hasPrefix("RssAnon:") {
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
                .map { $0 * 1024 } ?? 0
        }
        return 0
    }

    private static func allProcesses() -> [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let pid = Int32(name) { found.append(pid) }
        }
        return found
    }

    private static func file(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 8192)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
