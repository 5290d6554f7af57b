import Kafka
import Messaging
import Testing

@testable import OrderflowKit

/// What a consumer's state means at `/readyz`.
@Suite struct ConsumerReadinessTests {
    private func status(
        holding held: [Int32] = [], members: Int? = 1, partitions: Int32 = 6,
        _ change: (inout ConsumerRunner.Status) -> Void = { _ in }
    ) -> ConsumerRunner.Status {
        func place(_ number: Int32) -> TopicPartition { TopicPartition(topic: "order-events", partition: number) }
        var status = ConsumerRunner.Status()
        status.isAssigned = true
        status.assigned = Set(held.map(place))
        status.group = members.map { count in
            GroupSighting(
                group: GroupDescription(
                    name: "shipping-group", state: "Stable",
                    members: (0..<count).map {
                        .init(id: "\($0)", instanceID: nil, clientID: "", host: "", partitions: [])
                    }), partitions: Set((0..<partitions).map(place)))
        }
        change(&status)
        return status
    }

    private func readiness(_ status: ConsumerRunner.Status, needed: Bool = true) -> HealthStatus {
        HealthStatus(of: status, needed: needed)
    }

    @Test func readyMeansAssigned() {
        #expect(readiness(status(holding: [0])) == .ready)
        #expect(readiness(status(holding: [0], members: nil)) == .ready)
        let joining = status { $0.isAssigned = false }
        #expect(readiness(joining) == .notReady("no partitions yet: joining the group"))
        #expect(readiness(joining, needed: false) == .degraded("no partitions yet: joining the group"))
        // Six partitions for six members: one is on its way.
        #expect(readiness(status(members: 6)) == .notReady("no partitions yet: waiting for a share"))
    }

    @Test func aMemberTooManyStandsByAndSaysSo() {
        let standBy = readiness(status(members: 7))
        #expect(standBy == .standBy("no partitions, 7 members share 6 partitions"))
        #expect(standBy.isReady && standBy.reason == nil)
        #expect(readiness(status(members: nil)) == .standBy("no partitions"))
        let health = HealthRegistry()
        health.register("consumer shipping-group") { standBy }
        #expect(
            HealthRoutes.text(health.report)
                == "ready\nconsumer shipping-group: stand-by: no partitions, 7 members share 6 partitions\n")
        #expect(
            String(decoding: HealthRoutes.json(health.report), as: UTF8.self).contains(
                #""note":"stand-by: no partitions, 7 members share 6 partitions""#))
    }

    @Test func whatIsAmissIsNamed() {
        let ownerless = status(holding: [3]) {
            $0.ownerless = (0..<3).map { TopicPartition(topic: "order-events", partition: $0) }
        }
        #expect(
            readiness(ownerless)
                == .notReady("partitions without an owner: order-events/0, order-events/1, order-events/2"))
        let missing = status(holding: [3]) { $0.group?.missingTopics = ["payment-commands"] }
        #expect(
            readiness(missing)
                == .notReady("topics are missing: payment-commands; `orderflow topics create` makes them"))
        #expect(readiness(status { $0.problem = "brokers are away" }) == .notReady("brokers are away"))
        let clash = status(holding: [3]) { $0.clash = "kafka.instance: another process is a too" }
        #expect(readiness(clash) == .degraded("kafka.instance: another process is a too"))
        let setback = status(holding: [3]) { $0.setback = .init(reason: "records are gone") }
        #expect(readiness(setback) == .degraded("records are gone"))
    }

    @Test func aLongListIsCut() {
        let ownerless = status(partitions: 100) {
            $0.ownerless = (0..<100).map { TopicPartition(topic: "t", partition: $0) }
        }
        #expect(readiness(ownerless).reason?.hasSuffix("t/8, t/9 and 90 more") == true)
    }
}
