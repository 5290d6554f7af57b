#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Wall-clock time as events carry it.
public enum WallClock {
    /// Microseconds since the Unix epoch.
    public static func nowMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
