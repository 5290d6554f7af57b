import Randomness
import Testing

extension Trait where Self == ConditionTrait {
    /// The tests wait for time to pass, because its passing is what they try: the fast tier leaves them out.
    public static var waiting: ConditionTrait { .disabled(if: TestTier.isFast, "the fast tier waits for nothing") }
}
