import Testing
import TestServers

@Suite(.blocking, .servers) struct KafkaBrokerTests {
    @Test func answers() throws {
        let broker = try KafkaBroker.shared.get()
        #expect(try Command("kcat", ["-b", broker.bootstrapServers, "-L"]).output().contains(broker.bootstrapServers))
    }

    @Test func keepsItsDataWhenKilled() throws {
        let broker = try KafkaBroker.start()
        defer { broker.stop() }
        let kcat = ["-b", broker.bootstrapServers, "-t", "numbers"]
        for round in 1...3 {
            _ = try Command("sh", ["-c", "seq 100 | kcat -P -X acks=all \(kcat.joined(separator: " "))"]).output()
            try broker.kill()
            #expect(throws: (any Error).self) { try Command("kcat", ["-L", "-m", "1"] + kcat).output() }
            try broker.restart()
            let lines = try Command("kcat", ["-C", "-o", "beginning", "-e", "-q"] + kcat).output()
            #expect(lines.split(separator: "\n").count == 100 * round)
        }
        try broker.crash()
        try broker.restart()
    }

    @Test func pauses() throws {
        let broker = try KafkaBroker.start()
        defer { broker.stop() }
        try broker.pause()
        let stuck = try Command("kcat", ["-b", broker.bootstrapServers, "-L"])
        #expect(throws: NeverHappened.self) {
            try eventually(within: .milliseconds(300), "an answer") { !stuck.isRunning }
        }
        try broker.resume()
        #expect(try stuck.output().contains(broker.bootstrapServers))
    }
}
