/// Memory that one thread writes payloads into, one after the other: each asks for none but its own, when it is whole.
package final class PayloadBuffer {
    // Who is handed one of these by an encoder doesn't get at the buffer itself, so that no two accesses meet; to look for
    // that each time takes as long as a seventh of a payload.
    @exclusivity(unchecked) var bytes = ByteSink(capacity: usual)
    @exclusivity(unchecked) var order = MemberOrder()

    package init() {}

    /// Room for nearly all payloads. More is given back behind the one that took it.
    private static let usual = 4_096

    /// Makes it empty for the next payload.
    package func clear() {
        bytes.truncate(to: 0)
        if bytes.capacity > 4 * Self.usual { bytes = ByteSink(capacity: Self.usual) }
    }

    /// What has been written since it was empty.
    package func array() -> [UInt8] { bytes.array() }
}
