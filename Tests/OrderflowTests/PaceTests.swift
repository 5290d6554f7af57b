import OrderflowApp
import Testing

@testable import OrderflowKit

/// What a pace comes to for the standard services.
@Suite struct PaceTests {
    @Test func groupsSayWhatNobodyWaitsFor() {
        let groups = [ServiceModule].standard.flatMap(\.groups)
        let patient = groups.filter { $0.urgency == .patient }.map(\.name)
        #expect(Set(patient) == ["notification-group", "invoicing-group", "sales-group", "webhooks-group"])
    }

    /// A relay publishes for all groups of its service: it waits where all of them may.
    @Test func aRelayWaitsWhereAllGroupsOfItsServiceMay() {
        let pace = Pace.balanced
        let patient = [ServiceModule].standard.filter { pace.tick(ofRelayIn: $0) == pace.tick(of: .patient) }
        #expect(patient.map(\.name) == ["notification", "webhooks"])
    }

    @Test func pacesAreInOrder() {
        for (faster, slower) in zip(Pace.allCases, Pace.allCases.dropFirst()) {
            for urgency in [ConsumerGroup.Urgency.immediate, .urgent, .patient] {
                #expect(faster.tick(of: urgency) < slower.tick(of: urgency))
            }
            for module in [ServiceModule].standard {
                #expect(faster.tick(ofRelayIn: module) < slower.tick(ofRelayIn: module))
            }
        }
    }
}
