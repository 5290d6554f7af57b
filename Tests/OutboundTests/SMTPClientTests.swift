import Execution
import Glibc
import Outbound
import TestServers
import Testing

@Suite(.blocking) struct SMTPClientTests {
    enum Outcome: Sendable { case sent, permanent, deferred, transient, unknown }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// By verb; "" is the greeting, "." the answer to the whole text.
        let answers: [String: String]
        var user = ""
        let outcome: Outcome
    }

    static let cases = [
        Case(testDescription: "taken", answers: [:], outcome: .sent),
        Case(testDescription: "unknown recipient", answers: ["RCPT": "550 nobody here"], outcome: .permanent),
        Case(testDescription: "full mailbox", answers: ["RCPT": "452 full"], outcome: .deferred),
        Case(testDescription: "closing down", answers: ["RCPT": "421 closing"], outcome: .transient),
        Case(testDescription: "content refused", answers: [".": "554 spam"], outcome: .permanent),
        Case(testDescription: "content deferred", answers: [".": "451 later"], outcome: .deferred),
        Case(testDescription: "greeting 554", answers: ["": "554 no service"], outcome: .transient),
        Case(testDescription: "login asked for", answers: ["MAIL": "530 authenticate first"], outcome: .transient),
        Case(testDescription: "encryption asked for", answers: ["MAIL": "538 encrypt first"], outcome: .transient),
        Case(testDescription: "gone before the last word", answers: [".": ""], outcome: .unknown),
        // STARTTLS is not offered: perhaps somebody has cut it out.
        Case(
            testDescription: "a password needs TLS", answers: ["EHLO": "250 AUTH PLAIN LOGIN"], user: "u:secret@",
            outcome: .transient),
    ]

    @Test(arguments: cases) func whatAnAnswerMeans(_ row: Case) throws {
        let server = try ScriptedSMTPServer(row.answers)
        defer { server.stop() }
        let client = try SMTPClient(SMTPClient.Configuration(url: "smtp://\(row.user)127.0.0.1:\(server.port)"))
        let mail = try MailMessage(
            messageID: "1@test", from: "shop@test", to: "a@test", subject: "s", body: "b", date: 0)
        var outcome = Outcome.sent
        var said = ""
        do {
            try client.send(mail)
        } catch {
            said = "\(error)"
            switch error {
            case .permanent: outcome = .permanent
            case .deferred: outcome = .deferred
            case .transient: outcome = .transient
            case .outcomeUnknown: outcome = .unknown
            }
        }
        #expect(outcome == row.outcome, "\(said)")
        #expect(!server.heard.contains { $0.hasPrefix("AUTH") })
    }

    /// Addresses beyond ASCII: what the server says that it can do, and what becomes of the mail.
    struct Wide: Sendable, CustomTestStringConvertible {
        let to: String
        let ehlo: String
        /// The recipient as the server is told it; nil where it is told of none.
        let recipient: String?
        var testDescription: String { "\(to), \(ehlo)" }
    }

    private static let wide = [
        Wide(to: "bob@bücher.example", ehlo: "250 test", recipient: "bob@xn--bcher-kva.example"),
        Wide(to: "bob@BÜCHER.example", ehlo: "250-test\r\n250 SMTPUTF8", recipient: "bob@xn--bcher-kva.example"),
        Wide(to: "bob@日本語.example", ehlo: "502 what?", recipient: "bob@xn--wgv71a119e.example"),
        Wide(to: "bob@xn--ü.example", ehlo: "250 SMTPUTF8", recipient: nil),
        Wide(to: "jürgen@b.example", ehlo: "250 test", recipient: nil),
        Wide(to: "jürgen@bücher.example", ehlo: "250-test\r\n250 8BITMIME", recipient: nil),
        Wide(to: "jürgen@b.example", ehlo: "502 what?", recipient: nil),
        Wide(to: "jürgen@b.example", ehlo: "250-test\r\n250-SMTPUTF8\r\n250 8BITMIME", recipient: "jürgen@b.example"),
        Wide(to: "jürgen@bücher.example", ehlo: "250-test\r\n250 smtputf8", recipient: nil),
    ]

    @Test(arguments: wide) func addressesBeyondASCII(_ row: Wide) throws {
        let server = try ScriptedSMTPServer(["EHLO": row.ehlo])
        defer { server.stop() }
        let client = try SMTPClient(SMTPClient.Configuration(url: "smtp://127.0.0.1:\(server.port)"))
        func mail(to: String) throws -> MailMessage {
            try MailMessage(messageID: "1@bücher.example", from: "shop@test", to: to, subject: "s", body: "b", date: 0)
        }
        // The second one goes by the connection that is kept.
        for _ in 0..<2 {
            if row.recipient == nil {
                #expect { try client.send(try mail(to: row.to)) } throws: { error in
                    if case MailError.permanent(let reason) = error {
                        reason.contains(row.to.contains("jürgen") ? "SMTPUTF8" : "no ASCII form")
                    } else {
                        false
                    }
                }
            } else {
                try client.send(try mail(to: row.to))
            }
            // Nobody else's mail suffers.
            try client.send(try mail(to: "a@test"))
        }
        let heard = server.heard
        let recipients = heard.filter { $0.hasPrefix("RCPT") }.map {
            $0.dropFirst("RCPT TO:<".count).prefix { $0 != ">" }
        }
        #expect(
            recipients.map { String($0) }
                == (row.recipient.map { [$0, "a@test", $0, "a@test"] } ?? ["a@test", "a@test"]))
        #expect(heard.filter { $0.hasPrefix("To:") } == recipients.map { "To: <\($0)>" })
        #expect(
            heard.filter { $0.hasPrefix("Message-ID:") }.allSatisfy { $0 == "Message-ID: <1@xn--bcher-kva.example>" })
        let local = row.recipient?.utf8.contains { $0 >= 0x80 } == true
        #expect(heard.contains { $0.hasPrefix("MAIL") && $0.hasSuffix("SMTPUTF8") } == local)
    }

    /// A sender that no server takes is put right by an operator; until then mails wait.
    @Test(arguments: [("shöp@test", "SMTPUTF8"), ("shop@xn--ü.test", "no ASCII form")])
    func anImpossibleSenderIsNoMailsFault(_ from: String, _ reason: String) throws {
        let server = try ScriptedSMTPServer([:])
        defer { server.stop() }
        let client = try SMTPClient(SMTPClient.Configuration(url: "smtp://127.0.0.1:\(server.port)"))
        let mail = try MailMessage(messageID: "1@test", from: from, to: "a@test", subject: "s", body: "b", date: 0)
        #expect { try client.send(mail) } throws: { error in
            if case MailError.transient(let said) = error { said.contains(reason) } else { false }
        }
        #expect(!server.heard.contains { $0.hasPrefix("MAIL") })
    }
}

/// Serves connections one after the other; says 250 where the script has no other answer, and hangs up at an empty one.
private final class ScriptedSMTPServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let lines = Monitor<[String]>([])

    var heard: [String] { lines.withLock { $0 } }

    init(_ answers: [String: String]) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw NeverHappened(what: "bind: \(errno)", limit: .zero) }
        port = UInt16(bigEndian: address.sin_port)
        DedicatedThread.start("smtp") { [lines] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                Self.serve(client, answers, lines)
                close(client)
            }
            // Here: closed by `stop`, its number could be the next server's while this thread still accepts.
            close(listener)
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func serve(_ client: Int32, _ answers: [String: String], _ lines: Monitor<[String]>) {
        func answer(_ verb: String, _ otherwise: String) -> Bool {
            let text = answers[verb] ?? otherwise
            let bytes = Array((text + "\r\n").utf8)
            return !text.isEmpty && send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        }
        guard answer("", "220 test") else { return }
        var isText = false
        while let line = readLine(client) {
            lines.update { $0.append(line) }
            if isText {
                if line == "." {
                    isText = false
                    guard answer(".", "250 taken") else { return }
                }
                continue
            }
            let verb = String(line.prefix { $0 != " " })
            isText = verb == "DATA"
            guard answer(verb, isText ? "354 go on" : "250 fine") else { return }
        }
    }

    private static func readLine(_ client: Int32) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while recv(client, &byte, 1, 0) == 1 {
            if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
            if byte != 0x0D { line.append(byte) }
        }
        return nil
    }
}
