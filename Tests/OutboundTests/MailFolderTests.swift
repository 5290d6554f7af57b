import Foundation
import Outbound
import Testing

@Suite struct MailFolderTests {
    private let directory = NSTemporaryDirectory() + "/orderflow-mails-\(UUID())"

    private func mail(_ id: String, _ subject: String = "s") throws -> MailMessage {
        try MailMessage(messageID: id, from: "shop@test", to: "a@test", subject: subject, body: "b", date: 0)
    }

    /// Directories that are missing are made, and each mail is a whole file.
    @Test func aMailIsAFileAndOneThatIsSentAgainIsTheSame() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let folder = try MailFolder(directory + "/deep/er/")
        try folder.send(mail("1@shop", "first"))
        try folder.send(mail("2@shop"))
        try folder.send(mail("1@shop", "again"))
        let names = try FileManager.default.contentsOfDirectory(atPath: directory + "/deep/er").sorted()
        #expect(names == ["1@shop.eml", "2@shop.eml"])
        let text = try String(contentsOfFile: directory + "/deep/er/1@shop.eml", encoding: .utf8)
        #expect(text.contains("Subject: again") && text.contains("Message-ID: <1@shop>"))
    }

    /// An id that came from elsewhere leads nowhere.
    @Test func anIDNamesNoOtherPlace() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let folder = try MailFolder(directory + "/mails")
        try folder.send(mail("../../elsewhere/x@shop"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["mails"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory + "/mails")
                == [".._.._elsewhere_x@shop.eml"])
    }

    /// Another try may find it mended, and other mails fare no better now.
    @Test func aFolderThatIsGoneIsAPassingFailure() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let folder = try MailFolder(directory)
        try FileManager.default.removeItem(atPath: directory)
        let error = #expect(throws: MailError.self) { try folder.send(mail("1@shop")) }
        #expect(error?.isOfTheServer == true)
        try Data().write(to: URL(fileURLWithPath: directory))
        #expect(throws: MailError.self) { try MailFolder(directory + "/mails").send(mail("1@shop")) }
    }
}
