import Execution
import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// How a leader hears of rows: by nobody's clock, since it looks by itself every ten minutes here.
@Suite(.servers) struct RelayWakingTests {
    private final class RunningRelay: Sendable {
        let relay: Relay
        private let stop = StopSignal()
        private let thread: DedicatedThread
        private let producer: Producer

        init(
            _ fixture: OutboxFixture, idlePoll: Duration = .seconds(600), tick: Duration? = nil,
            seeing writes: WriteMark? = nil
        ) throws {
            producer = try fixture.topic.producer()
            var configuration = Relay.Configuration()
            configuration.idlePoll = idlePoll
            configuration.restPoll = .seconds(600)
            configuration.leadershipPoll = .milliseconds(20)
            if let tick { configuration.ticking = Ticking(every: tick) }
            let relay = Relay(
                source: .outbox, database: fixture.database, producer: producer, service: "test",
                configuration: configuration, seeing: writes, logger: quiet)
            self.relay = relay
            thread = DedicatedThread.start("relay") { [stop] in relay.run(until: stop) }
        }

        func end() {
            stop.stop()
            thread.join(timeout: .seconds(10))
            producer.close(timeout: .seconds(5))
        }
    }

    private static let sleepingLeader = """
        pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND query LIKE '%FROM outbox%'
        """

    private func out(_ fixture: OutboxFixture) throws -> Int64 {
        try fixture.connect().query("SELECT coalesce(max(published), 0) FROM relay_checkpoints").one().get(0)
    }

    /// A leader that has looked and found nothing.
    private func leader(
        _ fixture: OutboxFixture, idlePoll: Duration = .seconds(600), tick: Duration? = nil,
        seeing writes: WriteMark? = nil
    ) throws -> RunningRelay {
        let leader = try RunningRelay(fixture, idlePoll: idlePoll, tick: tick, seeing: writes)
        let watcher = try fixture.connect()
        try eventually("it leads and sleeps") {
            try watcher.query("SELECT 1 FROM \(Self.sleepingLeader)").count == 1
        }
        return leader
    }

    @Test func ownCommitsWakeTheLeader() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture)
        defer { leader.end() }
        try fixture.append("1")
        leader.relay.wake()
        try eventually("it is out") { try out(fixture) == 1 }
    }

    /// Its beats are an hour apart: after a few publications it lets rows gather, but for those of express orders.
    @Test func anExpressCommitEndsAPause() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture, tick: .seconds(3_600))
        defer { leader.end() }
        for number in 1...Tick.credit {
            try fixture.append("\(number)")
            leader.relay.wake()
            try eventually("\(number) are out") { try fixture.topic.records().count == number }
        }
        for round in 1...3 {
            try fixture.append("ordinary \(round)")
            leader.relay.wake()
            try fixture.append("express \(round)", priority: .express)
            leader.relay.wake(isExpress: true)
            try eventually("both are out") { try fixture.topic.records().count == Tick.credit + 2 * round }
        }
    }

    @Test func aFollowersCommitsGoOutThroughTheLeader() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture)
        defer { leader.end() }
        let follower = try RunningRelay(fixture)
        defer { follower.end() }
        for round in 1...5 {
            try fixture.append("\(round)")
            follower.relay.wake()
            try eventually("\(round) are out") { try out(fixture) == Int64(round) }
            #expect(leader.relay.currentStatus.leading && !follower.relay.currentStatus.leading)
        }
        #expect(try fixture.topic.records().map { $0.headers["ce_id"] } == ["1", "2", "3", "4", "5"])
    }

    @Test func whoHasNoRelayAnnounces() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture)
        defer { leader.end() }
        try fixture.append("1", isAnnounced: true)
        try eventually("it is out") { try out(fixture) == 1 }
    }

    /// What was notified while nobody listened is found by the look that follows; what is committed behind that look is
    /// notified to it.
    @Test func aLostSessionHidesNothing() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture)
        defer { leader.end() }
        let executioner = try fixture.connect()
        for round in 1...3 {
            try eventually("it sleeps") {
                try executioner.query("SELECT 1 FROM \(Self.sleepingLeader)").count == 1
            }
            try executioner.transaction { executioner in
                _ = try executioner.query("SELECT pg_terminate_backend(pid) FROM \(Self.sleepingLeader)")
            }
            try fixture.append("\(round)", isAnnounced: true)
            try eventually("\(round) are out") { try out(fixture) == Int64(round) }
        }
    }

    /// A leader that is killed tells nobody, nor does it publish what it was told of.
    @Test func aFollowerPublishesWhatItsLeaderLeft() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture)
        let follower = try RunningRelay(fixture)
        defer { follower.end() }
        try fixture.append("1")
        leader.end()
        try eventually("it is out") { try out(fixture) == 1 }
        #expect(follower.relay.currentStatus.leading)
        try fixture.append("2")
        follower.relay.wake()
        try eventually("the next one too") { try out(fixture) == 2 }
    }

    /// A process that was killed between its commit and its word.
    @Test func whatNobodyTellsOfIsFoundAllTheSame() throws {
        let fixture = try OutboxFixture()
        let leader = try leader(fixture, idlePoll: .milliseconds(50))
        defer { leader.end() }
        try fixture.append("1")
        try eventually("it is out") { try out(fixture) == 1 }
    }

    /// Where nothing is written to the server it doesn't look by itself, and as soon as something is it does.
    @Test(.waiting) func atRestTheServersLogSaysWhenToLook() throws {
        let fixture = try OutboxFixture()
        let writes = WriteMark()
        let leader = try leader(fixture, idlePoll: .milliseconds(50), seeing: writes)
        defer { leader.end() }
        let watcher = try fixture.connect()
        func lastLook() throws -> String {
            try watcher.query("SELECT query_start::text FROM \(Self.sleepingLeader)").first?.get(0) ?? ""
        }
        let first = try lastLook()
        try eventually("it looks by itself") { try !["", first].contains(lastLook()) }
        for place in ["0/1", "0/1"] { writes.note(place) }
        try eventually("it has come to rest") {
            let look = try lastLook()
            _ = StopSignal().wait(for: .milliseconds(500))
            return try !look.isEmpty && lastLook() == look
        }
        try fixture.append("1")
        writes.note("0/2")
        try eventually("it is out") { try out(fixture) == 1 }
        try fixture.append("2")
        try eventually("what comes before the place has settled is found as ever") { try out(fixture) == 2 }
    }
}
