import CEpoll

/// Has large buffers go back to the system when they are freed.
package enum MemoryReturn {
    /// Larger than what a role needs all the time, smaller than the answers and batches that come in bursts.
    private static let threshold: Int32 = 512 << 10

    /// glibc maps large blocks by themselves and unmaps them at once, but moves its idea of large up to 32 MiB with the
    /// first of them that is freed; the next ones come out of its arenas and stay there, so that a process keeps the
    /// memory of its worst moment. A threshold that is set doesn't move (mallopt(3), M_MMAP_THRESHOLD). A block of that
    /// size costs some page faults more, which is little beside filling it.
    package static func enable() { _ = mallopt(M_MMAP_THRESHOLD, threshold) }
}
