import Foundation

/// A program in Python as a counterpart: it reads questions from its input, a line each, and answers each by a line.
package struct PythonProgram {
    /// Of scripts/bootstrap, which installs it from scripts/requirements.txt.
    package static let interpreter = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("var/broker-venv/bin/python3").path

    private let name: String
    private let script: String

    /// - Parameter name: what it stands on, for whoever lacks it.
    package init(_ name: String, _ script: String) {
        self.name = name
        self.script = script
    }

    /// Asks everything at once, in a folder of its own.
    package func answers(to lines: [[UInt8]]) async throws -> [[UInt8]] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("python-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (input, output) = (folder.appendingPathComponent("in"), folder.appendingPathComponent("out"))
        try lines.reduce(into: Data()) { $0 += Data($1) + Data([0x0A]) }.write(to: input)
        try Data().write(to: output)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.interpreter)
        process.arguments = ["-c", script]
        process.currentDirectoryURL = folder
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        let status = try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { ended.resume(throwing: error) }
        }
        guard status == 0 else {
            throw TestServerError("\(name) ended with \(status); is it installed (scripts/bootstrap)?")
        }
        return try Data(contentsOf: output).split(separator: 0x0A).map { Array($0) }
    }
}
