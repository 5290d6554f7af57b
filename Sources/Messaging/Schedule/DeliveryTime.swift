/// When a message is to leave its sender.
public enum DeliveryTime: Hashable, Sendable {
    /// As soon as it is committed.
    case now
    /// So long after the sender's transaction began, by the database's clock.
    case after(Duration)
    /// At a time, microseconds since the Unix epoch, by the database's clock; at once where that has passed.
    case at(Int64)

    var isNow: Bool { self == .now }
}

extension OutgoingEvent {
    /// The same message, to be delivered later: it waits in the sender's database, and can be cancelled there
    /// (`Schedule`).
    public func delivered(_ delivery: DeliveryTime) -> OutgoingEvent {
        var event = self
        event.delivery = delivery
        return event
    }
}
