import Execution
import Foundation
import JSON
import Kafka
import Logging
import Messaging
import TestServers
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

@Suite(.blocking, .servers) struct TopicReplayTests {
    private let kafka: KafkaConfiguration
    private let topic = "replayed-\(UInt32.random(in: 0 ... .max))"
    /// Milliseconds; lately, or retention would take the records away.
    private let start = Int64(Date().timeIntervalSince1970) * 1_000 - 3_600_000
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        kafka = KafkaConfiguration(bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
        try Admin(kafka, logger: quiet).createTopics([NewTopic(topic, partitions: 3, replication: 1)])
    }

    private func publish(_ messages: [OutgoingMessage]) throws {
        let producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
        defer { producer.close(timeout: .seconds(5)) }
        producer.prepare(topics: [topic], timeout: .seconds(5))
        for result in try producer.publish(messages, timeout: .seconds(20)) { _ = try result.get() }
    }

    private func message(_ key: String?, _ value: String?, partition: Int32 = 0, at time: Int64 = 1_000)
        -> OutgoingMessage
    {
        OutgoingMessage(
            topic: topic, key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) }, partition: partition,
            timestamp: start + time)
    }

    private func envelope(_ type: String, _ number: Int) -> String {
        #"{"type":"\#(type)","version":1,"payload":{"n":\#(number)}}"#
    }

    /// The lines that a replay writes.
    private func lines(_ change: (inout ReplayRequest) -> Void = { _ in }) throws -> [String] {
        var request = ReplayRequest(topic: topic)
        change(&request)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("replay-\(UUID())").path
        let file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        var replay = TopicReplay(request, kafka: kafka, output: StandardOutput(file: file), logger: quiet)
        try replay.run()
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func payloads(_ lines: [String]) throws -> [Int64] {
        try lines.map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let payload = try #require(object["payload"] as? [String: Any])
            return try #require(payload["n"] as? Int64)
        }
    }

    /// A producer may stamp its records with nanoseconds.
    @Test func anyTimestampIsShown() throws {
        var messages: [OutgoingMessage] = []
        for (number, stamp) in [1_767_225_600_000_000_000, 1_767_225_600_000_000, Int64.max, 1_767_225_600_000]
            .enumerated()
        {
            var sent = message("k", envelope("Noted", number))
            sent.timestamp = stamp
            messages.append(sent)
        }
        try publish(messages)
        for format in [ReplayRequest.Format.json, .text] {
            let shown = try lines { $0.format = format }
            #expect(shown.count == 4)
            #expect(shown.filter { $0.contains("9999-12-31T23:59:59.999999Z") }.count == 3)
            #expect(shown.filter { $0.contains("2026-01-01T00:00:00.000000Z") }.count == 1)
        }
    }

    @Test func aLineSaysAllThereIsToSay() throws {
        var sent = message("o-1", envelope("OrderCreated", 1), partition: 2)
        sent.headers = [
            KafkaHeader("ce_id", Array("1".utf8)), KafkaHeader("x", [0xFF]), KafkaHeader("y", Array("a".utf8)),
            KafkaHeader("y", Array("b".utf8)),
        ]
        try publish([sent])
        #expect(
            try lines() == [
                #"{"key":"o-1","partition":2,"offset":0,"timestamp":"\#(RFC3339.text(start * 1_000 + 1_000_000))","type":"OrderCreated","#
                    + #""headers":{"ce_id":"1","x":{"base64":"/w=="},"y":["a","b"]},"payload":{"n":1}}"#
            ])
        #expect(
            try lines { $0.format = .text } == [
                #"\#(RFC3339.text(start * 1_000 + 1_000_000))  2/0  o-1  OrderCreated  {"n":1}"#
            ])
    }

    /// As JSON, whatever the topic has; what nobody is shown isn't shown in any format.
    @Test func otherFormatsAreShownAsJSON() throws {
        let codecs = try OrderflowApp.services.facts.payloadCodecs()
        PayloadCodecs.install(codecs)
        let json = #"{"orderId":"o-1","userId":"alice","amount":49.90,"currency":"USD","paymentToken":"tok_1"}"#
        let shown = json.replacing("tok_1", with: "***")
        let messages = try ["application/protobuf", "avro/binary"].enumerated().map { number, name in
            let codec = try codecs.codec(of: ContentType(name))
            let value = try codec.payload(ofJSON: Array(json.utf8), type: "ProcessPayment", schemaVersion: 1)
            var sent = message("o-1", nil, at: Int64(number))
            sent.value = value
            sent.headers = [
                KafkaHeader("ce_type", Array("ProcessPayment".utf8)), KafkaHeader("content-type", Array(name.utf8)),
            ]
            return sent
        }
        var broken = messages[0]
        broken.value = [0, 0, 0, 0, 1, 0, 0x74, 0x6f, 0x6b]
        broken.timestamp = start + 2
        try publish(messages + [broken])
        let payloads = try lines().map { try #require(try JSONValue(parsing: $0)["payload"]) }
        #expect(try payloads.prefix(2).elementsEqual([JSONValue(parsing: shown), JSONValue(parsing: shown)]))
        #expect(payloads.last?.string?.hasPrefix("9 bytes, not shown: the payload can't be read as") == true)
        let texts = try lines { $0.format = .text }
        #expect(texts.count == 3 && !texts.joined().contains("tok"))
        #expect(texts[0].contains("  ProcessPayment  {") && texts[0].contains(#""paymentToken":"***""#))
    }

    @Test func aValueOfAnyKindIsOneLine() throws {
        var binary = message(nil, nil)
        binary.key = [0xC3]
        binary.value = [0, 0xFF]
        try publish([
            message(nil, nil), message("", ""), message("k", "no \"JSON\"\n"), binary,
            message("k", "{\n  \"a\": [1,\r\n 2]\n}"), message("k", "[1]"), message("k", #"{"type":7,"payload":1}"#),
        ])
        let parts = try lines().map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return object.filter { ["key", "keyBase64", "payload", "payloadBase64"].contains($0.key) } as NSDictionary
        }
        let expected: [NSDictionary] = [
            ["key": NSNull(), "payload": NSNull()], ["key": "", "payload": ""],
            ["key": "k", "payload": "no \"JSON\"\n"], ["keyBase64": "ww==", "payloadBase64": "AP8="],
            ["key": "k", "payload": ["a": [1, 2]]], ["key": "k", "payload": [1]],
            ["key": "k", "payload": ["type": 7, "payload": 1]],
        ]
        #expect(parts == expected)
        // A terminal isn't told what to do by what a topic holds.
        #expect(try lines { $0.format = .text }.allSatisfy { !$0.unicodeScalars.contains { $0.value < 0x20 } })
    }

    @Test func recordsAreChosenByKeyTypePartitionOffsetTimeAndNumber() throws {
        try publish(
            (0..<30).map { number in
                message(
                    "k\(number % 5)", envelope(number % 2 == 0 ? "Even" : "Odd", number),
                    partition: Int32(number % 3), at: Int64(number) * 1_000)
            })
        func chosen(_ change: (inout ReplayRequest) -> Void) throws -> [Int64] { try payloads(lines(change)).sorted() }
        #expect(try chosen { _ in } == Array(0..<30))
        #expect(try chosen { $0.keys = ["k1", "k4"] } == (0..<30).filter { [1, 4].contains($0 % 5) })
        #expect(try chosen { $0.types = ["Odd"] } == (0..<30).filter { $0 % 2 == 1 })
        #expect(try chosen { $0.partitions = [0, 2] } == (0..<30).filter { $0 % 3 != 1 })
        #expect(try chosen { $0.fromOffset = 8 } == Array(24..<30))
        #expect(try chosen { $0.fromOffset = 100 } == [])
        #expect(try chosen { $0.limit = 7 }.count == 7)
        #expect(try chosen { $0.limit = 0 } == [])
        let start = start * 1_000
        #expect(try chosen { $0.fromTime = start + 20_000_000 } == Array(20..<30))
        #expect(try chosen { $0.until = start + 5_000_000 } == Array(0..<5))
        #expect(
            try chosen {
                $0.fromTime = start + 10_000_000
                $0.until = start + 12_000_000
            } == [10, 11])
    }

    @Test func aMergeIsInTheOrderOfTime() throws {
        // Each partition for itself, so that no other order comes about by accident.
        for partition in Int32(0)..<3 {
            try publish(
                (0..<3_000).filter { $0 % 3 == Int(partition) }.map {
                    message("k", envelope("T", $0), partition: partition, at: Int64($0))
                })
        }
        #expect(try payloads(lines { $0.merge = true }) == Array(0..<3_000))
    }

    @Test func followingGoesOnWithWhatIsWritten() throws {
        try publish((0..<3).map { message("k", envelope($0 == 1 ? "Other" : "T", $0), at: Int64($0)) })
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("replay-\(UUID())").path
        let file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        func shown() throws -> [String] {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        }
        let request = {
            var request = ReplayRequest(topic: topic)
            request.follow = true
            request.types = ["T"]
            request.limit = 6
            return request
        }()
        let (kafka, quiet) = (kafka, quiet)
        let outcome = Monitor<Result<Void, any Error>?>(nil)
        DedicatedThread.start("follow") {
            let result = Result {
                var replay = TopicReplay(
                    request, kafka: kafka, output: StandardOutput(file: file), logger: quiet)
                try replay.run()
            }
            outcome.update { $0 = result }
        }
        try eventually("what is there is shown") { try shown().count == 2 }
        // Each comes by itself, into whichever partition, and is seen without another one pushing it out.
        for number in 3..<6 {
            try publish([message("k", envelope("T", number), partition: Int32(number % 3))])
            try eventually("\(number) is shown") { try shown().count == number }
        }
        try publish([
            message("k", envelope("Other", 6)), message("k", envelope("T", 7)), message("k", envelope("T", 8)),
        ])
        let end = try #require(outcome.wait(for: .seconds(20), { $0 }))
        try end.get()
        #expect(try payloads(shown()) == [0, 2, 3, 4, 5, 7])
    }

    @Test func progressSaysHowFarAndHowFast() {
        var progress = ReplayProgress(total: 4_000, isShown: false)
        let (full, empty) = (String(repeating: "#", count: 30), String(repeating: "-", count: 30))
        #expect(progress.text(elapsed: .zero) == "[\(empty)] 0%  0 of 4000 events, 0/s")
        progress.advance(by: 1_000)
        #expect(
            progress.text(elapsed: .milliseconds(500))
                == "[\(full.prefix(7))\(empty.prefix(23))] 25%  1000 of 4000 events, 2000/s, 2s left")
        progress.advance(by: 3_000)
        #expect(progress.text(elapsed: .seconds(2)) == "[\(full)] 100%  4000 of 4000 events, 2000/s")
        // More than there was at the start: nothing is left to say of the end.
        progress.advance(by: 1)
        #expect(progress.text(elapsed: .seconds(2)) == "4001 events, 2000/s")
    }

    @Test func aTypeOrHeaderOfAnyCharactersIsShown() throws {
        var odd = message("k", #"{"type":"a\"\u00e9\n","payload":{"n":1}}"#)
        odd.headers = [KafkaHeader("q\"\u{1}", Array("\\\t€".utf8)), KafkaHeader("empty", [])]
        try publish([odd])
        let line = try #require(try lines { $0.types = ["a\"é\n"] }.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["type"] as? String == "a\"é\n")
        #expect(object["headers"] as? [String: String] == ["q\"\u{1}": "\\\t€", "empty": ""])
    }

    @Test func aReaderThatGoesAwayIsNoError() throws {
        try publish((0..<5_000).map { message("k", envelope("T", $0)) })
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        var replay = TopicReplay(
            ReplayRequest(topic: topic), kafka: kafka, output: StandardOutput(file: ends[1]), logger: quiet)
        try replay.run()
    }

    @Test func whatIsNotThereIsSaidInOneLine() throws {
        #expect(throws: ReplayError.self) { try lines { $0.topic = "nothing-\(topic)" } }
        let error = #expect(throws: ReplayError.self) { try lines { $0.partitions = [7] } }
        #expect(error?.description == "\(topic) has no partition 7; it has 3, from 0")
    }
}
