/// How the relays of a campaign's daemons hear of what was committed.
enum RelayChoice: String, CaseIterable, Sendable {
    case windows, wal
    /// Each daemon as the dice fall, so that leaders of the one kind follow those of the other.
    case mixed

    /// `relay.source` of the installation, for which `migrate` prepares the databases.
    var installed: String { self == .windows ? "windows" : "wal" }

    /// `relay.source` of one daemon.
    func source(_ dice: inout Dice) -> String { self == .mixed && Bool.random(using: &dice) ? "windows" : installed }
}
