import Foundation

/// A program from PATH that runs to its end.
final class Command {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
    private let process = Process()
    private let pipe = Pipe()
    private let name: String

    init(_ name: String, _ arguments: [String]) throws {
        self.name = name
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    /// What it wrote to stdout, without the last newline; throws when it fails.
    func output() throws -> String {
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(name) ended with status \(process.terminationStatus)")
        }
        let text = String(decoding: data, as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
