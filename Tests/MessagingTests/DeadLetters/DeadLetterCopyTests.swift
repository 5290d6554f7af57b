import Kafka
import Randomness
import Testing

@testable import Messaging

/// What a stranger sends never becomes a record that can't be published.
@Suite struct DeadLetterCopyTests {
    private typealias Header = LetterHeaders.Header

    private func size(_ copy: DeadLetterCopy) -> Int {
        RecordSize.of(
            OutgoingMessage(
                topic: "t", key: Array(copy.key.utf8), value: copy.value,
                headers: KafkaHeaders(copy.headers.map { KafkaHeader($0.name, $0.value) })))
    }

    private func value(_ copy: DeadLetterCopy, _ name: String) -> String? {
        copy.headers.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    private let own: [Header] = [(name: "orderflow_group", value: Array("g".utf8))]

    @Test func whatFitsIsWhole() {
        let copy = DeadLetterCopy(
            key: "k", value: Array("{broken".utf8), theirs: [(name: "trace", value: [0xFF])], own: own)
        #expect(copy.value == Array("{broken".utf8))
        #expect(copy.headers.map(\.name) == ["trace", "orderflow_group"])
        #expect(copy.headers[0].value == [0xFF])
    }

    /// The value is worth more than a header of a megabyte.
    @Test func aHugeHeaderIsLeftOut() {
        let copy = DeadLetterCopy(
            key: "p1", value: Array("{broken".utf8),
            theirs: [(name: "trace", value: Array(repeating: 0xFE, count: 1_040_000)), (name: "small", value: [1])],
            own: own)
        #expect(copy.value == Array("{broken".utf8))
        #expect(copy.headers.map(\.name) == ["small", "orderflow_group", "orderflow_headers_truncated"])
        #expect(value(copy, "orderflow_headers_truncated") == "1 headers of 1040000 bytes left out")
    }

    @Test func aHugeValueIsLeftOut() {
        let copy = DeadLetterCopy(
            key: "p1", value: Array(repeating: 0x20, count: 1_000_000), theirs: [(name: "small", value: [1])], own: own)
        #expect(copy.value.isEmpty)
        #expect(value(copy, "orderflow_truncated") == "1000000")
        #expect(value(copy, "small") != nil)
    }

    @Test func everyCopyFits() {
        var generator = SeededGenerator.fromEnvironment("everyCopyFits")
        for _ in 0..<300 {
            let limit = Int.random(in: 20_000...200_000, using: &generator)
            let theirs: [Header] = (0..<Int.random(in: 0...400, using: &generator)).map { index in
                (
                    name: "h\(index % 50)",
                    value: Array(
                        repeating: 0xFF, count: Int.random(in: 0...(index % 7 == 0 ? 60_000 : 40), using: &generator))
                )
            }
            let value = Array(repeating: UInt8(0x61), count: Int.random(in: 0...300_000, using: &generator))
            let copy = DeadLetterCopy(
                key: String(repeating: "k", count: 512), value: value, theirs: theirs, own: own, limit: limit)
            #expect(size(copy) <= limit, "seed \(generator.seed)")
            let kept = copy.headers.count { !$0.name.hasPrefix("orderflow_") }
            let isCut = copy.value.count < value.count || kept < theirs.count
            let saysSo = copy.headers.contains { $0.name.hasSuffix("truncated") }
            #expect(isCut == saysSo, "seed \(generator.seed)")
        }
    }

    /// Any bytes under any names, as often as they come.
    @Test func headersSurviveTheTable() throws {
        var generator = SeededGenerator.fromEnvironment("headersSurviveTheTable")
        for _ in 0..<500 {
            let headers: [Header] = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                let name = ["a", "b", "ce_id", "x\"y", "é"].randomElement(using: &generator) ?? "a"
                let bytes: ClosedRange<UInt8> = Bool.random(using: &generator) ? 0x20...0x7E : 0...255
                return (
                    name: name,
                    value: (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                        .random(in: bytes, using: &generator)
                    }
                )
            }
            var again: [Header] = []
            let json = LetterHeaders.json(headers)
            try json.withUnsafeBytes { try LetterHeaders.read($0) { again.append((name: $0, value: Array($1))) } }
            for name in Set(headers.map(\.name)) {
                #expect(
                    again.filter { $0.name == name }.map(\.value) == headers.filter { $0.name == name }.map(\.value),
                    "\(String(decoding: json, as: UTF8.self)), seed \(generator.seed)")
            }
            #expect(again.count == headers.count)
        }
    }

    /// Letters from before are plain texts.
    @Test func headersOfOldLettersAreRead() throws {
        var read: [String] = []
        try Array(#"{"ce_id":"1","x":"�"}"#.utf8).withUnsafeBytes {
            try LetterHeaders.read($0) { read.append("\($0)=\(String(decoding: $1, as: UTF8.self))") }
        }
        #expect(read == ["ce_id=1", "x=�"])
    }

    @Test func keysThatDifferAreParkedApart() {
        var generator = SeededGenerator.fromEnvironment("keysThatDifferAreParkedApart")
        func text(_ key: [UInt8]) -> String { key.withUnsafeBytes { ParkingKey.text($0) } }
        #expect(text(Array("o-1".utf8)) == "o-1")
        #expect(text([]) == "")
        var seen: [String: [UInt8]] = [:]
        var keys: [[UInt8]] = [[0xFF], [0xFE], [0xEF, 0xBF, 0xBD], [0], Array("a\0".utf8), Array("a\u{FFFD}".utf8)]
        keys += [[0xFF], [0]].map { Array(text($0).utf8) }
        keys += [
            Array(repeating: 0x61, count: 512), Array(repeating: 0x61, count: 513), Array(repeating: 0xFF, count: 513),
        ]
        keys.append(Array(text(Array(repeating: 0x61, count: 513)).utf8))
        keys += (0..<3_000).map { _ in
            (0..<Int.random(in: 0...4, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
        for key in keys {
            let parked = text(key)
            #expect(!parked.utf8.contains(0) && parked.utf8.count <= 1_100)
            #expect(seen[parked, default: key] == key, "\(parked), seed \(generator.seed)")
            seen[parked] = key
        }
        let place = InboundMessage.Source(topic: "t", partition: 0, offset: 1)
        let named = Array("\(place)".utf8).withUnsafeBytes { ParkingKey($0, of: place) }
        #expect(ParkingKey(nil, of: place) != named)
    }
}
