import Execution
import OrderflowApp
import Testing

@testable import OrderflowKit

/// What a pace comes to for the standard services.
@Suite struct PaceTests {
    @Test func groupsSayWhatNobodyWaitsFor() {
        let groups = [ServiceModule].standard.flatMap(\.groups)
        func names(_ urgency: ConsumerGroup.Urgency) -> Set<String> {
            Set(groups.filter { $0.urgency == urgency }.map(\.name))
        }
        #expect(names(.patient) == ["notification-group", "webhooks-group"])
        #expect(names(.leisurely) == ["invoicing-group", "sales-group"])
    }

    /// A relay publishes for all groups of its service: it waits where all of them may.
    @Test func aRelayWaitsWhereAllGroupsOfItsServiceMay() {
        let pace = Pace.balanced
        let patient = [ServiceModule].standard.filter {
            pace.ticking(ofRelayIn: $0).interval == pace.tick(of: .patient)
        }
        #expect(patient.map(\.name) == ["notification", "webhooks"])
    }

    @Test func pacesAreInOrder() {
        for (faster, slower) in zip(Pace.allCases, Pace.allCases.dropFirst()) {
            for urgency in ConsumerGroup.Urgency.allCases {
                #expect(faster.tick(of: urgency) < slower.tick(of: urgency))
            }
            for module in [ServiceModule].standard {
                #expect(faster.ticking(ofRelayIn: module).interval < slower.ticking(ofRelayIn: module).interval)
            }
        }
    }

    /// New orders go out at the beginning of a tick, and who reads facts begins when they are there. Who is told what to do
    /// is always ready for it, and who nobody waits for falls in with nobody.
    @Test func anOrdersWayHasOneBeat() throws {
        for pace in [Pace.balanced, .throughput] {
            let facts = Ticking(every: pace.tick(of: .urgent), phase: .milliseconds(8))
            for mode in FulfilmentMode.allCases {
                for module in [ServiceModule].standard {
                    for group in module.groups where !group.topics(in: mode).isEmpty {
                        let ticking = pace.ticking(of: group, in: module, mode)
                        switch group.name {
                        case "saga-group", "shipping-group", "order-outcomes-group": #expect(ticking == facts)
                        // By commands of the saga, or by the facts of others.
                        case "inventory-group" where mode == .choreography: #expect(ticking == facts)
                        case "inventory-group", "payment-group", "order-group":
                            #expect(ticking.interval < facts.interval && ticking.phase == nil)
                        case "projection-group":
                            #expect(ticking == Ticking(every: pace.tick(of: .immediate), phase: facts.phase))
                        default: #expect(ticking == Ticking(every: pace.tick(of: group.urgency)))
                        }
                    }
                }
            }
            let relays = [ServiceModule].standard.map { pace.ticking(ofRelayIn: $0) }
            #expect(relays.compactMap(\.phase) == [.zero])
            // Beats meet: whoever has a phase has it in each process at the same moments.
            for interval in [pace.tick(of: .immediate), facts.interval] {
                #expect(Duration.seconds(60) / interval == (Duration.seconds(60) / interval).rounded())
            }
            #expect(facts.interval / pace.tick(of: .immediate) == 2)
        }
        let ticks = [ServiceModule].standard.flatMap { module in
            module.groups.map { Pace.latency.ticking(of: $0, in: module, .orchestration) }
                + [Pace.latency.ticking(ofRelayIn: module)]
        }
        #expect(ticks.allSatisfy { $0.phase == nil }, "they are shorter than what it takes to hand a record on")
    }
}
