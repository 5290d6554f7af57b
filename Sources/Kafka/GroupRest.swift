/// Which of a member's looks at its group may be left out: three of four while each partition has an owner and the member's
/// own share is what it was. A look costs each broker thread and main thread of the member some requests.
///
/// Partitions lose their owners in a rebalance, nearly always one of this member's too; after it there is a look at once. On
/// the dev broker none is left out: its coordinator may forget a member without a rebalance.
struct GroupRest {
    static let leftOut = 3

    private let isAllowed: Bool
    /// Rebalances of this member before the last look, if that has found the group whole.
    private var wholeAfter: Int?
    private var passed = 0

    init(_ configuration: ConsumerConfiguration) { isAllowed = !configuration.kafka.isDevBroker }

    /// It would be time for a look.
    mutating func passesOver(_ held: HeldPartitions.Summary) -> Bool {
        guard isAllowed, wholeAfter == held.rebalances, passed < Self.leftOut else { return false }
        passed += 1
        return true
    }

    /// - Parameter sighting: nil where the group wasn't seen.
    mutating func looked(_ held: HeldPartitions.Summary, seeing sighting: GroupSighting?) {
        passed = 0
        let isWhole = sighting.map { !$0.group.isMoving && $0.ownerless.isEmpty && $0.missingTopics.isEmpty } ?? false
        wholeAfter = isWhole ? held.rebalances : nil
    }
}
