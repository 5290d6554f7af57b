import Foundation
import Testing

/// `scripts/check-history`, on histories made for it.
@Suite struct CheckHistoryTests {
    /// A repository whose first commit brings the script.
    private final class Repository {
        let folder = NSTemporaryDirectory() + "/orderflow-history-\(UUID())"

        init() throws {
            try FileManager.default.createDirectory(atPath: folder + "/scripts", withIntermediateDirectories: true)
            let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../scripts/check-history").standardizedFileURL
            try FileManager.default.copyItem(atPath: scripts.path, toPath: folder + "/scripts/check-history")
            try git("init", "-q", "-b", "main")
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func git(_ arguments: String...) throws {
            _ = try Command(
                "git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com"] + arguments
            ).output()
        }

        /// Commits `files` as they now are; nil deletes one.
        func commit(_ message: String, _ files: [String: String?]) throws {
            for (name, text) in files {
                let path = folder + "/" + name
                if let text {
                    try text.write(toFile: path, atomically: true, encoding: .utf8)
                } else {
                    try FileManager.default.removeItem(atPath: path)
                }
            }
            try git("add", "-A")
            try git("commit", "-q", "-m", message)
        }

        /// What the script complains of; nil where nothing is wrong.
        func complaint(_ arguments: String...) throws -> String? {
            let check = Process()
            let errors = Pipe()
            check.executableURL = URL(fileURLWithPath: folder + "/scripts/check-history")
            check.arguments = arguments
            check.standardError = errors
            try check.run()
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            check.waitUntilExit()
            return check.terminationStatus == 0 ? nil : text
        }
    }

    @Test func olderVersionsAreFound() throws {
        let repository = try Repository()
        try repository.commit("Begin", ["a b.txt": "one", "ü.txt": "one", "c.txt": "one"])
        try repository.commit("Go on", ["a b.txt": "two", "ü.txt": nil, "c.txt": "two"])
        #expect(try repository.complaint() == nil)
        try repository.commit("Write over it", ["a b.txt": "one", "c.txt": "three"])
        let complaint = try #require(try repository.complaint())
        #expect(complaint.contains("Write over it") && complaint.contains("a b.txt as it was in"))
        #expect(!complaint.contains("c.txt"))
        // Deleted, and back as it was.
        try repository.commit("Bring back", ["ü.txt": "one"])
        #expect(try #require(try repository.complaint()).contains("ü.txt as it was in"))
        #expect(try repository.complaint("HEAD") == nil, "what came before the base isn't looked at")
        #expect(try repository.complaint("nothing") != nil, "a base that isn't there")
    }

    @Test(arguments: ["Revert \"Go on\"", "Restore what was lost", "Go on\n\nThis restores the first version."])
    func whatIsMeantIsSaid(_ message: String) throws {
        let repository = try Repository()
        try repository.commit("Begin", ["a": "one"])
        try repository.commit("Go on", ["a": "two"])
        try repository.commit(message, ["a": "one"])
        #expect(try repository.complaint() == nil)
    }

    /// A change and its merge, or a file's mode, put nothing back.
    @Test func mergesAndModesAreNone() throws {
        let repository = try Repository()
        try repository.commit("Begin", ["a": "one", "b": "one"])
        try repository.git("checkout", "-q", "-b", "side")
        try repository.commit("Change b", ["b": "two"])
        try repository.git("checkout", "-q", "main")
        try repository.commit("Change a", ["a": "two"])
        try repository.git("merge", "-q", "--no-edit", "side")
        try repository.git("update-index", "--chmod=+x", "a")
        try repository.git("commit", "-q", "-m", "Let it run")
        #expect(try repository.complaint() == nil)
    }
}
