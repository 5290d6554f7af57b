import Glibc

/// How many files and sockets a daemon may have open. The soft limit that processes start with, mostly 1,024, is for
/// programs that use select(2), whose sets end there; servers are to raise it (https://0pointer.net/blog/file-descriptor-limits.html).
package enum DescriptorLimit {
    /// Far beyond `http.connections` by default; the hard limit can be a billion, a cost to programs that walk over all
    /// numbers.
    package static let cap: rlim_t = 65_536

    /// Raises the soft limit to the hard one, at most to `cap`; never lowers it. Returns the limit in force.
    @discardableResult
    package static func raise() -> rlim_t {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return 0 }
        let wanted = min(limit.rlim_max, cap)
        if limit.rlim_cur < wanted {
            let before = limit.rlim_cur
            limit.rlim_cur = wanted
            if setrlimit(files, &limit) != 0 { return before }
        }
        return limit.rlim_cur
    }
}
