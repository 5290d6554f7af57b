/// How urgent an order is, and so which lane all of its messages take.
///
/// It is decided once, where the order begins. From there on it goes from message to effect: what a message that came by an
/// express lane causes is express, so that an order's messages stay on one topic and in their order.
public enum Priority: String, Hashable, Sendable, CaseIterable {
    case ordinary
    case express

    /// The text of the attribute `priority`; nil for what is left unsaid.
    var attribute: String? { self == .ordinary ? nil : rawValue }

    /// - Parameter attribute: a word that this version doesn't know is nothing urgent.
    init(attribute: String) { self = Priority(rawValue: attribute) ?? .ordinary }
}
