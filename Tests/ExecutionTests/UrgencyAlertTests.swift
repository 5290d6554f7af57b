import Execution
import Testing

@Suite struct UrgencyAlertTests {
    @Test func somethingUrgentIsExpectedForAWhile() {
        let start = ContinuousClock.now
        var alert = UrgencyAlert()
        #expect(!alert.isOn(at: start))
        alert.raise(at: start)
        #expect(alert.isOn(at: start))
        #expect(alert.isOn(at: start + UrgencyAlert.span - .nanoseconds(1)))
        #expect(!alert.isOn(at: start + UrgencyAlert.span))
        alert.raise(at: start + .seconds(5))
        #expect(alert.isOn(at: start + UrgencyAlert.span))
    }
}
