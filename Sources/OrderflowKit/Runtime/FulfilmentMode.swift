/// Who leads an order to its end.
public enum FulfilmentMode: String, Sendable, CaseIterable {
    /// The saga commands each step; participants react to commands.
    case orchestration
    /// Participants react to each other's facts.
    case choreography
}
