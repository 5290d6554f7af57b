import Execution
import Foundation
import Kafka
import TestServers
import Testing

@testable import Messaging

/// Two processes that were given one name.
@Suite(.blocking) struct InstanceClaimTests {
    private func group(_ names: [String?], _ state: String = "Stable") -> GroupDescription {
        GroupDescription(
            name: "g", state: state,
            members: names.enumerated().map {
                GroupDescription.Member(id: "\($0)", instanceID: $1, clientID: "c", host: "/10.0.0.1", partitions: [])
            })
    }

    @Test(arguments: ["a", "shipping-host-1", String(repeating: "n", count: 249)])
    func theFencedOneTakesAnotherNameAndBothSayWhy(_ name: String) throws {
        var (old, new) = (InstanceClaim(name), InstanceClaim(name))
        #expect(old.current == name && old.clash(in: group([name])) == nil)
        let fenced = old.fenced()
        #expect(fenced)
        let second = try #require(old.current)
        #expect(second != name && second.utf8.count <= 249)
        let seen = group([name, second])
        for (claim, word) in [(old, "got the name"), (new, "10.0.0.1")] {
            let clash = try #require(claim.clash(in: seen))
            #expect(clash.hasPrefix("kafka.instance: ") && clash.contains(word), "\(clash)")
            #expect(clash.contains(second))
        }
        // Nobody else is spoken of.
        #expect(new.clash(in: group([name, "\(name)2", nil])) == nil)
        let hasLost = new.takesBack(seeing: group([]), at: .now + .seconds(9_999))
        #expect(!hasLost)
    }

    @Test func aNameIsTakenBackOnceItIsLastinglyFreeAndLaterEachTime() {
        var claim = InstanceClaim("a")
        var now = ContinuousClock.now
        var waits: [Duration] = []
        for _ in 1...10 {
            let fenced = claim.fenced(at: now)
            #expect(fenced && claim.isDisplaced)
            let start = now
            var looks = 0
            while !claim.takesBack(seeing: group([claim.current, looks < 3 ? "a" : "b"]), at: now) {
                looks += 1
                now += .seconds(5)
            }
            #expect(claim.current == "a" && looks > 3)
            waits.append(start.duration(to: now))
        }
        #expect(waits == waits.sorted() && waits[0] >= InstanceClaim.patience.first)
        #expect(waits[9] >= InstanceClaim.patience.longest)
    }

    /// The dev broker's groups wait for a member that was fenced and has gone; asking under its name ends that. Kafka lets it go
    /// by itself, and there a name that is taken is another's.
    @Test(arguments: [true, false]) func aGhostIsRelievedOfItsNameOnTheDevBrokerAlone(isDevBroker: Bool) {
        var claim = InstanceClaim("a", isDevBroker: isDevBroker)
        let start = ContinuousClock.now
        let fenced = claim.fenced(at: start)
        #expect(fenced)
        func looks(_ state: String, from: Int, to: Int) -> Int? {
            stride(from: from, through: to, by: 5).first { second in
                claim.takesBack(seeing: group([claim.current, "a"], state), at: start + .seconds(second))
            }
        }
        let whileStable = looks("Stable", from: 0, to: 100)
        #expect(whileStable == nil, "another works under the name")
        let whileMoving = looks("CompletingRebalance", from: 105, to: 200)
        #expect(whileMoving == (isDevBroker ? 120 : nil))
        #expect(claim.isDisplaced == !isDevBroker)
    }

    @Test func aMemberWithoutANameHasNoneToLose() {
        var claim = InstanceClaim(nil)
        let fenced = claim.fenced()
        #expect(!fenced && claim.current == nil && claim.clash(in: group(["a", nil])) == nil)
    }

    @Test(.servers) func twoProcessesOfOneNameShareTheWorkInPeace() throws {
        let fixture = try ConsumerFixture()
        let first = fixture.start(instance: "twin")
        try eventually(within: .seconds(60), "the first has all") { first.currentStatus.assigned.count == 3 }
        let second = fixture.start(instance: "twin")
        try eventually(within: .seconds(60), "both know, and share the partitions") {
            let (one, two) = (first.currentStatus, second.currentStatus)
            return one.clash != nil && two.clash != nil && one.assigned.count + two.assigned.count == 3
                && !one.assigned.isEmpty && !two.assigned.isEmpty
        }
        let admin = try Admin(fixture.topic.kafka, logger: quiet)
        func members() throws -> Set<String> {
            Set(try admin.describe(groups: [fixture.group]).flatMap(\.members).map(\.id))
        }
        let before = try members()
        // Some heartbeats, by which the coordinator would tell one that it is fenced.
        StopSignal().wait(for: .seconds(4))
        #expect(try members() == before && before.count == 2)
        for number in 0..<12 { try fixture.publish("k\(number)", "{\"n\":\(number)}") }
        try eventually("all is handled") { try fixture.notes().count == 12 }
        #expect([first, second].allSatisfy { $0.currentStatus.clash?.contains("kafka.instance") == true })
        #expect([first, second].allSatisfy { $0.currentStatus.problem == nil })
    }
}
