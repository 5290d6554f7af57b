import Execution
import Foundation
import Outbound
import Testing

@Suite struct MailboxFolderTests {
    private let directory = NSTemporaryDirectory() + "/orderflow-mails-\(UUID())"
    private static let lastOfNovember = 1_796_083_199

    private func mail(_ id: String, _ subject: String = "s", body: String = "b") throws -> MailMessage {
        try MailMessage(messageID: id, from: "shop@test", to: "a@test", subject: subject, body: body, date: 0)
    }

    private func mailbox(_ name: String) throws -> String {
        try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
    }

    /// Directories that are missing are made.
    @Test func mailsOfADayAreInItsMailbox() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var now = Self.lastOfNovember
        let folder = try MailboxFolder(directory + "/deep/er/") { now }
        try folder.send(mail("1@shop", "first"))
        try folder.send(mail("2@shop"))
        now += 1
        try folder.send(mail("1@shop", "again"))
        let names = try FileManager.default.contentsOfDirectory(atPath: directory + "/deep/er").sorted()
        #expect(names == ["2026-11-30.mbox", "2026-12-01.mbox"])
        let first = try mailbox("deep/er/2026-11-30.mbox")
        #expect(first.hasPrefix("From shop@test Mon Nov 30 23:59:59 2026\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n"))
        #expect(first.components(separatedBy: "\n\nFrom shop@test ").count == 2)
        #expect(first.contains("Message-ID: <1@shop>\nSubject: first\n") && first.hasSuffix("\n\nb\n\n"))
        #expect(!first.contains("\r"))
        let second = try mailbox("deep/er/2026-12-01.mbox")
        #expect(second.hasPrefix("From shop@test Tue Dec  1 00:00:00 2026\n"))
        #expect(second.contains("Message-ID: <1@shop>\nSubject: again\n"))
    }

    /// What stands in a mail begins none.
    @Test(arguments: ["From here on", ">From there", ">>From", "x\nFrom me\n\nFrom you", "From"])
    func noLineOfAMailBeginsAnother(body: String) throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let folder = try MailboxFolder(directory) { Self.lastOfNovember }
        try folder.send(mail("1@shop", body: body))
        try folder.send(mail("2@shop", body: body))
        let lines = try mailbox("2026-11-30.mbox").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count { $0.hasPrefix("From ") } == 2)
        // Read as mboxrd says, each body is as it was.
        let read = lines.map { line in
            line.drop { $0 == ">" }.hasPrefix("From ") && line.hasPrefix(">") ? String(line.dropFirst()) : String(line)
        }
        #expect(read.joined(separator: "\n").components(separatedBy: "\n\n\(body)\n\n").count == 3)
    }

    /// Each has the mailbox to itself for a mail.
    @Test func manyWriteAtOnce() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let body = String(repeating: "a line of some length\n", count: 400)
        let threads = try (0..<4).map { writer in
            let folder = try MailboxFolder(directory) { Self.lastOfNovember }
            let mails = try (0..<25).map { try mail("\(writer)-\($0)@shop", body: body) }
            return (folder, mails)
        }.map { folder, mails in
            nonisolated(unsafe) let folder = folder
            return DedicatedThread.start("writer") { for mail in mails { try? folder.send(mail) } }
        }
        for thread in threads { thread.join() }
        let whole = try mailbox("2026-11-30.mbox").components(separatedBy: "From shop@test Mon Nov 30 23:59:59 2026\n")
        #expect(whole.count == 101)
        #expect(whole.dropFirst().allSatisfy { $0.hasSuffix("\n\n\(body)\n\n") })
        #expect(Set(whole.dropFirst()).count == 100)
    }

    /// Another try may find it mended, and other mails fare no better now.
    @Test func aFolderThatIsGoneIsAPassingFailure() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let folder = try MailboxFolder(directory)
        try FileManager.default.removeItem(atPath: directory)
        let error = #expect(throws: MailError.self) { try folder.send(mail("1@shop")) }
        #expect(error?.isOfTheServer == true)
        try Data().write(to: URL(fileURLWithPath: directory))
        #expect(throws: MailError.self) { try MailboxFolder(directory + "/mails").send(mail("1@shop")) }
    }
}
