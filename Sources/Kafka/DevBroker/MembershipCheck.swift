/// Compares what a static member holds with what its group's coordinator says it holds.
///
/// They agree between rebalances, or two members may work on one partition while nobody works on another, for ever. A
/// coordinator should never let that happen; the dev broker's does, which answers a static member's return in the middle of
/// a rebalance with another's assignment. A member that finds a lasting difference leaves and joins again.
struct MembershipCheck {
    private var differences = 0

    /// Takes a look at the group in. True when the member should join anew.
    ///
    /// - Parameter rebalances: how many there have been; a look from before the last one says nothing.
    mutating func isDisowned(by look: GroupWatch.Look, instanceID: String, rebalances: Int) -> Bool {
        guard look.sighting.group.state == "Stable", look.held.rebalances == rebalances else {
            differences = 0
            return false
        }
        let told = look.sighting.group.members.first { $0.instanceID == instanceID }?.partitions ?? []
        differences = Set(told) == look.held.partitions ? 0 : differences + 1
        // Once may be a rebalance that has not reached us yet.
        guard differences >= 2 else { return false }
        differences = 0
        return true
    }
}
