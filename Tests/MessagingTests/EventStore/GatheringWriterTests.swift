import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Where processors are short, a writer has few requests wait for others.
@Suite(.blocking, .servers) struct GatheringWriterTests {
    private let database: PostgresConfiguration
    private let outcomes = Monitor<[String: Bool]>([:])
    private let commits = Monitor(0)
    private let stop = StopSignal()

    init() throws { database = try freshDatabase(EventStoreSchema.events + EventStoreSchema.contentTypes) }

    private var strained: ProcessorStrain {
        var strain = ProcessorStrain { nil }
        for number in 0..<6 {
            strain.look(
                ProcessorTimes(ran: .milliseconds(10 * number), waited: .milliseconds(500 * number)),
                at: .now + .milliseconds(300 * number))
        }
        #expect(strain.factor > 3)
        return strain
    }

    private func writer() -> EventWriter {
        EventWriter(database: database, strain: strained, logger: quiet) { _ in commits.update { $0 += 1 } }
    }

    private func submit(_ stream: String, to writer: EventWriter) -> Bool {
        let append = StreamAppend(
            tenant: "default", streamID: stream, category: "order", expectedVersion: 0,
            events: [
                NewEvent(
                    type: "Happened", data: Array("{}".utf8),
                    metadata: EventMetadata(id: stream, source: "/test", time: 0, correlationID: "c"))
            ])
        return writer.submit(
            EventWriter.Request(append: append) { outcome in
                outcomes.update { outcomes in
                    if case .appended = outcome { outcomes[stream] = true } else { outcomes[stream] = false }
                }
            })
    }

    private func stored() throws -> Int64 {
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        return try connection.query("SELECT count(*) FROM events").one().get(0, as: Int64.self)
    }

    @Test func eachRequestIsCommittedAndAnswered() throws {
        let writer = writer()
        let running = DedicatedThread.start("writer") { writer.run(until: stop) }
        let callers = (0..<12).map { caller in
            DedicatedThread.start("caller") {
                for number in 0..<20 {
                    let stream = "\(caller)-\(number)"
                    guard submit(stream, to: writer) else { continue }
                    _ = outcomes.wait(for: .seconds(20)) { $0[stream] }
                }
            }
        }
        for caller in callers { caller.join() }
        stop.stop()
        running.join()
        #expect(outcomes.withLock { $0.count == 240 && $0.values.allSatisfy(\.self) })
        #expect(try stored() == 240)
        #expect((1...240).contains(commits.withLock { $0 }))
    }

    /// What waits for others at the end is written before it.
    @Test func aStopEndsTheWait() throws {
        let writer = writer()
        let taken = (0..<3).map { submit("\($0)", to: writer) }
        let running = DedicatedThread.start("writer") { writer.run(until: stop) }
        stop.stop()
        running.join()
        #expect(taken == [true, true, true] && !submit("late", to: writer))
        #expect(outcomes.withLock { $0.count == 3 && $0.values.allSatisfy(\.self) })
        #expect(try stored() == 3)
    }
}
