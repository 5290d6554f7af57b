#if canImport(Glibc)
    import Glibc
#endif

/// What every Prometheus client says of its process (prometheus.io, "Writing client libraries", process metrics), from
/// the kernel's files.
public enum ProcessMetrics {
    public static func register(with collectors: Collectors) {
        #if canImport(Glibc)
            let start = startTime()
            collectors.add { scrape in
                if let status = ProcessStatus.read() {
                    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
                    scrape.counter("process_cpu_seconds_total", value: Double(status.cpuTicks) / ticks)
                    scrape.gauge("process_resident_memory_bytes", value: status.residentPages * Int(getpagesize()))
                    scrape.gauge("process_virtual_memory_bytes", value: status.virtualBytes)
                    scrape.gauge("process_threads", value: status.threads)
                }
                if let open = openFiles() { scrape.gauge("process_open_fds", value: open) }
                var limit = rlimit()
                if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
                    scrape.gauge("process_max_fds", value: Double(limit.rlim_cur))
                }
                if let start { scrape.gauge("process_start_time_seconds", value: start) }
            }
        #endif
    }

    public static let help = [
        "process_cpu_seconds_total": "User and system CPU time, in seconds.",
        "process_resident_memory_bytes": "Memory in RAM.",
        "process_virtual_memory_bytes": "Address space.",
        "process_threads": "Threads of the process.",
        "process_open_fds": "Open file descriptors.",
        "process_max_fds": "File descriptors that may be open.",
        "process_start_time_seconds": "When the process started, in seconds since the Unix epoch.",
    ]
}

#if canImport(Glibc)
    /// Fields of `/proc/self/stat` (proc(5)).
    struct ProcessStatus {
        let cpuTicks: Int
        let threads: Int
        let startTicks: Int
        let virtualBytes: Int
        let residentPages: Int

        static func read() -> ProcessStatus? { smallFile("/proc/self/stat").flatMap { ProcessStatus($0) } }

        /// Nil for anything else than such a line.
        init?(_ line: String) {
            // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
            guard let end = line.lastIndex(of: ")") else { return nil }
            let fields = line[line.index(after: end)...].split(separator: " ")
            // Numbered from 1 in proc(5); the first one here is the third.
            func field(_ number: Int) -> Int? { fields.count > number - 3 ? Int(fields[number - 3]) : nil }
            guard let user = field(14), let system = field(15), let threads = field(20), let start = field(22),
                let virtual = field(23), let resident = field(24)
            else { return nil }
            cpuTicks = user + system
            self.threads = threads
            startTicks = start
            virtualBytes = virtual
            residentPages = resident
        }
    }

    /// Seconds since the epoch: the boot time, and what passed from then to our start.
    private func startTime() -> Double? {
        guard let status = ProcessStatus.read(), let system = smallFile("/proc/stat"),
            let line = system.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let boot = Double(line.dropFirst(6))
        else { return nil }
        return boot + Double(status.startTicks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private func openFiles() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // ".", ".." and the directory itself.
        return max(0, count - 3)
    }

    private func smallFile(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            content.append(contentsOf: chunk[..<count])
        }
        return String(decoding: content, as: UTF8.self)
    }
#endif
