import Foundation
import TestServers
import Testing

@Suite(.blocking, .servers) struct ServerProcessTests {
    @Test func endsWithTheTestProcessEvenWhenThatIsKilled() async throws {
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let family = try ServerProcess("family") { _ in ["/bin/sh", "-c", "sleep 1000 & echo $!; wait"] }
            try family.start()
            try eventually("the child runs") { family.log.hasSuffix("\n") }
            let postgres = try PostgresServer.start()
            let broker = try KafkaBroker.start()
            print("pids \(family.processID) \(family.log) \(postgres.processID) \(broker.processID)")
            print("dir", family.directory)
            fflush(nil)
            kill(getpid(), SIGKILL)
        }
        let words = String(decoding: result.standardOutputContent, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        let pids = words.drop { $0 != "pids" }.dropFirst().prefix(4).compactMap { pid_t($0) }
        let directory = try String(#require(words.drop { $0 != "dir" }.dropFirst().first))
        #expect(pids.count == 4)
        try eventually("they are gone") { pids.allSatisfy { kill($0, 0) != 0 && errno == ESRCH } }
        try eventually("its files are gone") { !FileManager.default.fileExists(atPath: directory) }
    }

    /// A guard that inherits its neighbour's connection would never see it close.
    @Test func endsAloneAmongMany() async throws {
        let all = try await withThrowingTaskGroup(of: ServerProcess.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    let process = try ServerProcess("sleep") { _ in ["/bin/sleep", "1000"] }
                    try process.start()
                    return process
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (index, process) in all.enumerated() {
            #expect(process.isRunning)
            process.stop()
            #expect(!process.isRunning)
            #expect(all[(index + 1)...].allSatisfy { $0.isRunning })
        }
    }

    @Test func tellsItsEnd() throws {
        let process = try ServerProcess("shell") { _ in ["/bin/sh", "-c", "echo $GREETING; exit 7"] }
        defer { process.stop() }
        try process.start()
        #expect(try process.waitForExit() == 7)
        #expect(!process.isRunning)
        try process.start()
        #expect(try process.waitForExit() == 7)
        #expect(throws: TestServerError.self) { try process.signal("TERM") }
    }

    @Test func terminates() throws {
        let script = "trap 'echo bye; exit 3' TERM; echo $GREETING; while :; do sleep 0.01; done"
        let process = try ServerProcess("shell", environment: ["GREETING": "hello"]) { _ in ["/bin/sh", "-c", script] }
        defer { process.stop() }
        try process.start()
        try eventually("the trap is set") { process.log.contains("hello") }
        #expect(try process.terminate() == 3)
        #expect(process.log == "hello\nbye\n")
    }

    @Test func showsTheLogOfAServerThatDoesNotStart() throws {
        let server = try PostgresServer.start()
        defer { server.stop() }
        try server.execute("ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'")
        try server.kill()
        let error = #expect(throws: TestServerError.self) { try server.restart() }
        #expect(error?.description.contains("no_such_library") == true)
    }
}
