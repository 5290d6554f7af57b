import Execution
import Testing

@Suite struct AlertTests {
    @Test func somethingUrgentIsExpectedForAWhile() {
        let start = ContinuousClock.now
        var alert = Alert()
        #expect(!alert.isOn(at: start))
        alert.raise(at: start)
        #expect(alert.isOn(at: start))
        #expect(alert.isOn(at: start + Alert.span - .nanoseconds(1)))
        #expect(!alert.isOn(at: start + Alert.span))
        alert.raise(at: start + .seconds(5))
        #expect(alert.isOn(at: start + Alert.span))
    }
}
