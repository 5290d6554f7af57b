import Randomness
import Testing

extension Trait where Self == ConditionTrait {
    /// The tests start servers or daemons: the fast tier leaves them out. A test without this that starts one fails
    /// there, so that none is forgotten.
    public static var servers: ConditionTrait {
        .disabled(if: TestTier.isFast, "the fast tier starts no servers")
    }
}
