import Foundation
import Hashing
import Networks
import TestServers
import Testing

@testable import Outbound

/// What is signed here against those who check it elsewhere: Examples/webhook-receiver, and PyPI's `standardwebhooks`.
@Suite(.serialized, .blocking, .servers) struct WebhookReceiverTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    private static let python = root + "/var/broker-venv/bin/python3"

    private static func request(
        _ port: Int, id: String, at timestamp: Int64, _ body: String, _ secrets: [WebhookSecret],
        claiming claimed: String? = nil
    ) -> DeliveryRequest {
        let signature = WebhookSignature.value(id: id, timestamp: timestamp, body: Array(body.utf8), secrets: secrets)
        return DeliveryRequest(
            url: "http://127.0.0.1:\(port)/",
            headers: [
                ("webhook-id", id), ("webhook-timestamp", claimed ?? "\(timestamp)"), ("webhook-signature", signature),
            ], body: Array(body.utf8), timeout: .seconds(20))
    }

    @Test func theExampleTakesWhatIsSignedAndFreshOnce() async throws {
        let (known, other) = (WebhookSecret.random(), WebhookSecret.random())
        let port = try LocalPort.unused()
        let receiver = try ServerProcess("receiver", environment: ["WEBHOOK_SECRET": known.text]) { _ in
            [Self.python, Self.root + "/Examples/webhook-receiver/receiver.py", "\(port)"]
        }
        defer { receiver.stop() }
        try receiver.start()
        var configuration = ConcurrentSender.Configuration()
        configuration.rules = AddressRules(allowing: [try #require(AddressRange("127.0.0.1"))])
        let sender = try ConcurrentSender(configuration)
        func post(_ request: DeliveryRequest) async -> Result<DeliveryAnswer, DeliveryFailure> {
            await withCheckedContinuation { continuation in
                sender.send(request) { continuation.resume(returning: $0) }
            }
        }
        let now = Int64(Date().timeIntervalSince1970)
        let first = Self.request(port, id: "one", at: now, #"{"fact":1}"#, [known])
        try await eventually("the receiver listens; its log: \(receiver.log)") {
            if case .success = await post(first) { true } else { false }
        }
        for (request, status) in [
            (first, 204), (Self.request(port, id: "two", at: now, #"{"fact":2}"#, [other, known]), 204),
            (Self.request(port, id: "three", at: now, #"{"fact":3}"#, [other]), 401),
            (Self.request(port, id: "four", at: now - 3_600, #"{"fact":4}"#, [known]), 401),
            (Self.request(port, id: "five", at: now + 3_600, #"{"fact":5}"#, [known]), 401),
            (Self.request(port, id: "six", at: now - 3_600, #"{"fact":6}"#, [known], claiming: "\(now)"), 401),
            (Self.request(port, id: "seven", at: now, #"{"fact":7}"#, [known], claiming: "soon"), 401),
            (DeliveryRequest(url: first.url, headers: [], body: Array("{}".utf8), timeout: .seconds(20)), 401),
        ] {
            #expect(try await post(request).get().status == status, "\(request.headers)")
        }
        #expect(receiver.log.split(separator: "\n") == [#"{"fact":1}"#, #"{"fact":2}"#])
    }

    @Test func anotherLibraryTakesIt() throws {
        let (known, other) = (WebhookSecret.random(), WebhookSecret.random())
        let now = Int64(Date().timeIntervalSince1970)
        let body = #"{"name":"Ünïcode \#u{1F4E6}"}"#
        func verify(_ body: String, _ secrets: [WebhookSecret]) throws -> String {
            let signature = WebhookSignature.value(
                id: "msg_1", timestamp: now, body: Array(#"{"name":"Ünïcode \#u{1F4E6}"}"#.utf8), secrets: secrets)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Self.python)
            process.arguments = ["-c", Self.verifier, known.text, "msg_1", "\(now)", signature, body]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            defer { process.waitUntilExit() }
            return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        #expect(try verify(body, [known]) == "good\n")
        #expect(try verify(body, [other, known]) == "good\n")
        #expect(try verify(body, [other]) == "No matching signature found\n")
        #expect(try verify(body + " ", [known]) == "No matching signature found\n")
    }

    private static let verifier = """
        import sys
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError

        secret, name, at, signature, body = sys.argv[1:]
        try:
            Webhook(secret).verify(body, {
                "webhook-id": name, "webhook-timestamp": at, "webhook-signature": signature})
            print("good")
        except WebhookVerificationError as error:
            print(error)
        """
}
