import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow replay` as a shell runs it.
@Suite(.servers) struct ReplayCommandTests {
    /// Runs a script of bash and returns what it wrote to stdout and stderr.
    private func bash(_ script: String, brokers: String) throws -> (output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["bash", "-c", script]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "ORDERFLOW": Shop.program, "ORDERFLOW_KAFKA_BROKERS": brokers,
            "ORDERFLOW_KAFKA_DEV_BROKER": "on",
        ]) { $1 }
        let directory = FileManager.default.temporaryDirectory
        let files = ["out", "err"].map { directory.appendingPathComponent("replay-\(UUID()).\($0)") }
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        for file in files { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return (try String(contentsOf: files[0], encoding: .utf8), try String(contentsOf: files[1], encoding: .utf8))
    }

    /// A topic with more in it than a pipe holds.
    private func filled(_ topic: String) throws -> String {
        let brokers = try KafkaBroker.shared.get().bootstrapServers
        let filler = "for n in $(seq 20000); do printf '%s\\n' '{\"type\":\"T\",\"payload\":{}}'; done"
        _ = try bash("\(filler) | kcat -b \(brokers) -q -P -t \(topic) -p 0", brokers: brokers)
        return brokers
    }

    @Test func aBrokenPipeIsNoError() throws {
        let topic = "piped-\(UInt32.random(in: 0 ... .max))"
        let brokers = try filled(topic)
        let (output, errors) = try bash(
            #""$ORDERFLOW" replay \#(topic) | head -n 3 | wc -l; echo "${PIPESTATUS[0]}""#, brokers: brokers)
        #expect(output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } == ["3", "0"])
        #expect(errors.isEmpty)
        let all = try bash(#""$ORDERFLOW" replay \#(topic) | wc -l"#, brokers: brokers)
        #expect(all.output.trimmingCharacters(in: .whitespacesAndNewlines) == "20000")
        // Nobody watches: no progress.
        #expect(all.errors.isEmpty)
    }

    @Test func aTerminalSeesTheProgress() throws {
        let topic = "watched-\(UInt32.random(in: 0 ... .max))"
        let brokers = try filled(topic)
        // util-linux's script lends a terminal, for stderr alone.
        let (output, _) = try bash(
            #"script -qec '"$ORDERFLOW" replay \#(topic) >/dev/null' /dev/null"#, brokers: brokers)
        #expect(output.contains("100%  20000 of 20000 events"), "\(output)")
        // Records on the terminal itself are enough.
        let both = try bash(
            #"script -qec '"$ORDERFLOW" replay \#(topic) --limit 2' /dev/null"#, brokers: brokers)
        #expect(!both.output.contains("events,"))
        #expect(both.output.split(whereSeparator: \.isNewline).count == 2)
    }
}
