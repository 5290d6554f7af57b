import CEpoll

/// Whether a client takes what there is for it, by TCP's own account of what it has acknowledged. That the socket takes
/// more says little: it does so in steps of a third of its buffer, which for a slow client are far apart.
struct WriteProgress {
    /// Given to the kernel since the connection was opened.
    private var handed: UInt64 = 0
    /// Acknowledged when the present window began.
    private var before: UInt64 = 0

    /// By how much more a client has to take while others are short of memory for what it leaves: a few that do just
    /// enough must not hold all of it for long.
    static let haste: UInt64 = 16

    mutating func handed(_ count: Int) { handed &+= UInt64(count) }

    /// From here on counts what `hasReached` looks at.
    mutating func begin(_ socket: Int32) { before = acknowledged(socket) }

    /// Whether the peer has acknowledged at least `least` bytes since `begin`.
    func hasReached(_ least: UInt64, _ socket: Int32) -> Bool { acknowledged(socket) &- before >= least }

    private func acknowledged(_ socket: Int32) -> UInt64 {
        handed &- UInt64(max(0, orderflow_unacknowledged(socket)))
    }
}
